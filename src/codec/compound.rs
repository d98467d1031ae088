//! [`Compound`]: values that have others in them.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::encoder::Encoder;
use super::failure::CodecFailure;
use super::sink::Sink;
use super::tag;

/// A sequence, a map or a struct whose elements are being encoded.
pub(super) struct Compound<'a, S> {
    encoder: &'a mut Encoder<S>,
    /// Elements that are to come yet, if their number was announced.
    left: Option<usize>,
}

impl<'a, S: Sink> Compound<'a, S> {
    #[inline]
    pub(super) fn new(encoder: &'a mut Encoder<S>, count: Option<usize>) -> Self {
        Self { encoder, left: count }
    }

    /// Counts an element.
    #[inline]
    fn count(&mut self) -> Result<(), CodecFailure> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or(CodecFailure::OtherCount)?;
        }
        Ok(())
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecFailure> {
        self.count()?;
        value.serialize(&mut *self.encoder)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), CodecFailure> {
        self.count()?;
        self.encoder.key(key);
        value.serialize(&mut *self.encoder)
    }

    #[inline]
    fn finish(self) -> Result<(), CodecFailure> {
        match self.left {
            Some(0) => {}
            Some(_) => return Err(CodecFailure::OtherCount),
            None => self.encoder.sink().byte(tag::END),
        }
        self.encoder.leave();
        Ok(())
    }
}

macro_rules! sequence {
    ($trait:ident, $method:ident) => {
        impl<S: Sink> $trait for Compound<'_, S> {
            type Ok = ();
            type Error = CodecFailure;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecFailure> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), CodecFailure> {
                self.finish()
            }
        }
    };
}
sequence!(SerializeSeq, serialize_element);
sequence!(SerializeTuple, serialize_element);
sequence!(SerializeTupleStruct, serialize_field);
sequence!(SerializeTupleVariant, serialize_field);

macro_rules! fields {
    ($trait:ident) => {
        impl<S: Sink> $trait for Compound<'_, S> {
            type Ok = ();
            type Error = CodecFailure;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), CodecFailure> {
                self.field(key, value)
            }

            #[inline]
            fn skip_field(&mut self, _key: &'static str) -> Result<(), CodecFailure> {
                self.encoder.note_skipped();
                Ok(())
            }

            #[inline]
            fn end(self) -> Result<(), CodecFailure> {
                self.finish()
            }
        }
    };
}
fields!(SerializeStruct);
fields!(SerializeStructVariant);

impl<S: Sink> SerializeMap for Compound<'_, S> {
    type Ok = ();
    type Error = CodecFailure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecFailure> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecFailure> {
        value.serialize(&mut *self.encoder)
    }

    fn end(self) -> Result<(), CodecFailure> {
        self.finish()
    }
}
