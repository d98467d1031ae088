//! What visitors get the elements, entries, fields and variants of a value from.

use core::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::decoder::Decoder;
use super::failure::CodecFailure;
use super::numbers::Number;
use super::tag;

/// The elements of a sequence.
pub(super) struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    /// Elements that are left, if they are counted.
    left: Option<usize>,
    is_over: bool,
}

impl<'a, 'de> Elements<'a, 'de> {
    pub(super) fn new(decoder: &'a mut Decoder<'de>, count: Option<usize>) -> Self {
        Self { decoder, left: count, is_over: false }
    }

    /// Goes on to the next element; `false` after the last.
    #[inline]
    fn advance(&mut self) -> Result<bool, CodecFailure> {
        match &mut self.left {
            Some(0) => return Ok(false),
            Some(left) => *left -= 1,
            None if self.is_over => return Ok(false),
            None if self.decoder.reader.peek()? == tag::END => {
                self.decoder.reader.byte()?;
                self.is_over = true;
                return Ok(false);
            }
            None => {}
        }
        Ok(true)
    }

    /// Checks that no element is left.
    pub(super) fn end(&mut self) -> Result<(), CodecFailure> {
        if self.advance()? { Err(CodecFailure::OtherCount) } else { Ok(()) }
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = CodecFailure;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CodecFailure> {
        if !self.advance()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

/// The entries of a map.
pub(super) struct Entries<'b, 'a, 'de>(pub(super) &'b mut Elements<'a, 'de>);

impl<'de> MapAccess<'de> for Entries<'_, '_, 'de> {
    type Error = CodecFailure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, CodecFailure> {
        (&mut *self.0).next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, CodecFailure> {
        seed.deserialize(&mut *self.0.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.left
    }
}

/// The fields of a struct.
pub(super) struct Fields<'b, 'a, 'de>(pub(super) &'b mut Elements<'a, 'de>);

impl<'de> MapAccess<'de> for Fields<'_, '_, 'de> {
    type Error = CodecFailure;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, CodecFailure> {
        if !self.0.advance()? {
            return Ok(None);
        }
        let key = self.0.decoder.reader.key()?;
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, CodecFailure> {
        seed.deserialize(&mut *self.0.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.left
    }
}

/// Numbers in one piece, for visitors that want them one by one.
pub(super) struct NumberElements<'de, N> {
    bytes: &'de [u8],
    of: PhantomData<N>,
}

impl<'de, N> NumberElements<'de, N> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, of: PhantomData }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl<'de, N: Number + IntoDeserializer<'de, CodecFailure>> SeqAccess<'de> for &mut NumberElements<'de, N> {
    type Error = CodecFailure;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CodecFailure> {
        let Some((number, rest)) = self.bytes.split_at_checked(size_of::<N>()) else { return Ok(None) };
        self.bytes = rest;
        seed.deserialize(bytemuck::pod_read_unaligned::<N>(number).into_deserializer()).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len() / size_of::<N>())
    }
}

/// A variant with a value.
pub(super) struct Variant<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    name: &'de str,
}

impl<'a, 'de> Variant<'a, 'de> {
    pub(super) fn new(decoder: &'a mut Decoder<'de>, name: &'de str) -> Self {
        Self { decoder, name }
    }
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a, 'de> {
    type Error = CodecFailure;
    type Variant = &'a mut Decoder<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), CodecFailure> {
        let name: StrDeserializer<'_, CodecFailure> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.decoder))
    }
}

impl<'de> VariantAccess<'de> for &mut Decoder<'de> {
    type Error = CodecFailure;

    fn unit_variant(self) -> Result<(), CodecFailure> {
        Err(CodecFailure::Malformed("a variant without a value"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, CodecFailure> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, CodecFailure> {
        let first = self.reader.byte()?;
        self.sequence(first, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecFailure> {
        match self.reader.byte()? {
            tag::STRUCT => self.fields(visitor),
            _ => Err(CodecFailure::Malformed("a variant with fields")),
        }
    }
}

/// A variant with a value as a map of one entry.
pub(super) struct VariantAsMap<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    name: Option<&'de str>,
}

impl<'a, 'de> VariantAsMap<'a, 'de> {
    pub(super) fn new(decoder: &'a mut Decoder<'de>, name: &'de str) -> Self {
        Self { decoder, name: Some(name) }
    }
}

impl<'de> MapAccess<'de> for VariantAsMap<'_, 'de> {
    type Error = CodecFailure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, CodecFailure> {
        match self.name.take() {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, CodecFailure> {
        seed.deserialize(&mut *self.decoder)
    }
}
