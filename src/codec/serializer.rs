//! serde's serializer of the format.

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::compound::Compound;
use super::encoder::Encoder;
use super::failure::CodecFailure;
use super::numbers::{Number, as_slice, for_each_number};
use super::sink::Sink;
use super::tag;

impl<S: Sink> Encoder<S> {
    fn numbers<N: Number>(&mut self, numbers: &[N]) -> Result<(), CodecFailure> {
        self.number(tag::NUMBERS + N::KIND, numbers.len() as u64)?;
        self.sink().bytes(bytemuck::cast_slice(numbers));
        Ok(())
    }

    /// Encodes a value a level deeper.
    fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecFailure> {
        self.enter()?;
        value.serialize(&mut *self)?;
        self.leave();
        Ok(())
    }

    /// Begins values of this number, if it is known.
    #[inline]
    fn compound(
        &mut self,
        counted: u8,
        open: u8,
        count: Option<usize>,
    ) -> Result<Compound<'_, S>, CodecFailure> {
        self.enter()?;
        match count {
            Some(count) => self.number(counted, count as u64)?,
            None => self.sink().byte(open),
        }
        Ok(Compound::new(self, count))
    }

    fn variant(&mut self, name: &'static str) {
        self.sink().byte(tag::VARIANT);
        self.key(name);
    }
}

impl<'a, S: Sink> Serializer for &'a mut Encoder<S> {
    type Ok = ();
    type Error = CodecFailure;
    type SerializeSeq = Compound<'a, S>;
    type SerializeTuple = Compound<'a, S>;
    type SerializeTupleStruct = Compound<'a, S>;
    type SerializeTupleVariant = Compound<'a, S>;
    type SerializeMap = Compound<'a, S>;
    type SerializeStruct = Compound<'a, S>;
    type SerializeStructVariant = Compound<'a, S>;

    fn serialize_bool(self, v: bool) -> Result<(), CodecFailure> {
        self.fixed(if v { tag::TRUE } else { tag::FALSE }, &[])
    }

    fn serialize_i8(self, v: i8) -> Result<(), CodecFailure> {
        self.signed(tag::I8, v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<(), CodecFailure> {
        self.signed(tag::I16, v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<(), CodecFailure> {
        self.signed(tag::I32, v.into())
    }

    fn serialize_i64(self, v: i64) -> Result<(), CodecFailure> {
        self.signed(tag::I64, v)
    }

    fn serialize_i128(self, v: i128) -> Result<(), CodecFailure> {
        self.fixed(tag::I128, &v.to_le_bytes())
    }

    fn serialize_u8(self, v: u8) -> Result<(), CodecFailure> {
        self.number(tag::U8, v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<(), CodecFailure> {
        self.number(tag::U16, v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<(), CodecFailure> {
        self.number(tag::U32, v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<(), CodecFailure> {
        self.number(tag::U64, v)
    }

    fn serialize_u128(self, v: u128) -> Result<(), CodecFailure> {
        self.fixed(tag::U128, &v.to_le_bytes())
    }

    fn serialize_f32(self, v: f32) -> Result<(), CodecFailure> {
        self.fixed(tag::F32, &v.to_le_bytes())
    }

    fn serialize_f64(self, v: f64) -> Result<(), CodecFailure> {
        self.fixed(tag::F64, &v.to_le_bytes())
    }

    fn serialize_char(self, v: char) -> Result<(), CodecFailure> {
        self.number(tag::CHAR, v.into())
    }

    fn serialize_str(self, v: &str) -> Result<(), CodecFailure> {
        self.sink().byte(tag::STR);
        self.text(v.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<(), CodecFailure> {
        self.sink().byte(tag::BYTES);
        self.text(v);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecFailure> {
        self.fixed(tag::NONE, &[])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecFailure> {
        self.sink().byte(tag::SOME);
        self.nested(value)
    }

    fn serialize_unit(self) -> Result<(), CodecFailure> {
        self.fixed(tag::UNIT, &[])
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), CodecFailure> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), CodecFailure> {
        self.sink().byte(tag::UNIT_VARIANT);
        self.key(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), CodecFailure> {
        self.nested(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CodecFailure> {
        self.variant(variant);
        self.nested(value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, S>, CodecFailure> {
        self.compound(tag::SEQ, tag::SEQ_OPEN, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, S>, CodecFailure> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Compound<'a, S>, CodecFailure> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, S>, CodecFailure> {
        self.variant(variant);
        self.serialize_seq(Some(len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'a, S>, CodecFailure> {
        self.compound(tag::MAP, tag::MAP_OPEN, len)
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Compound<'a, S>, CodecFailure> {
        self.compound(tag::STRUCT, tag::END, Some(len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, S>, CodecFailure> {
        self.variant(variant);
        self.serialize_struct(name, len)
    }

    fn collect_seq<I>(self, all: I) -> Result<(), CodecFailure>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        macro_rules! in_one_piece {
            ($number:ident, $kind:literal) => {
                if let Some(numbers) = as_slice::<I, $number>(&all) {
                    return self.numbers(numbers);
                }
            };
        }
        for_each_number!(in_one_piece);
        let mut all = all.into_iter();
        let count = match all.size_hint() {
            (least, Some(most)) if least == most => Some(least),
            _ => None,
        };
        let mut seq = self.serialize_seq(count)?;
        all.try_for_each(|element| seq.serialize_element(&element))?;
        seq.end()
    }
}
