//! serde's deserializer of the format.

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Elements, Entries, Fields, NumberElements, Variant, VariantAsMap};
use super::decoder::Decoder;
use super::failure::CodecFailure;
use super::numbers::{Number, for_each_number, is_visitor_of, visited};
use super::tag;

impl<'de> Decoder<'de> {
    /// Visits elements, and checks that the visitor took all of them.
    fn elements<R>(
        &mut self,
        count: Option<usize>,
        visit: impl FnOnce(&mut Elements<'_, 'de>) -> Result<R, CodecFailure>,
    ) -> Result<R, CodecFailure> {
        self.nested(|decoder| {
            let mut elements = Elements::new(decoder, count);
            let visited = visit(&mut elements)?;
            elements.end()?;
            Ok(visited)
        })
    }

    fn entries<V: Visitor<'de>>(
        &mut self,
        count: Option<usize>,
        visitor: V,
    ) -> Result<V::Value, CodecFailure> {
        self.elements(count, |elements| visitor.visit_map(Entries(elements)))
    }

    /// Visits a struct's fields.
    pub(super) fn fields<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, CodecFailure> {
        let count = self.reader.count(2)?;
        self.elements(Some(count), |elements| visitor.visit_map(Fields(elements)))
    }

    /// Visits the sequence that is next: its elements, or numbers in one piece.
    pub(super) fn sequence<V: Visitor<'de>>(
        &mut self,
        first: u8,
        visitor: V,
    ) -> Result<V::Value, CodecFailure> {
        macro_rules! numbers {
            ($number:ident, $kind:literal) => {
                if first == tag::NUMBERS + $kind {
                    return self.numbers::<V, $number>(visitor);
                }
            };
        }
        match first {
            tag::SEQ => {
                let count = self.reader.count(1)?;
                return self.elements(Some(count), |elements| visitor.visit_seq(elements));
            }
            tag::SEQ_OPEN => return self.elements(None, |elements| visitor.visit_seq(elements)),
            _ => {}
        }
        for_each_number!(numbers);
        Err(CodecFailure::Malformed("the kind of a value"))
    }

    fn numbers<V: Visitor<'de>, N: Number + IntoDeserializer<'de, CodecFailure>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value, CodecFailure> {
        let count = self.reader.count(size_of::<N>())?;
        let bytes = self.reader.bytes((count * size_of::<N>()) as u64)?;
        if is_visitor_of::<V, N>() {
            return visited::<V, N>(bytes);
        }
        let mut elements = NumberElements::<N>::new(bytes);
        let visited = visitor.visit_seq(&mut elements)?;
        if elements.is_empty() { Ok(visited) } else { Err(CodecFailure::OtherCount) }
    }

    fn char(&mut self) -> Result<char, CodecFailure> {
        let number = self.reader.varint()?;
        let found = u32::try_from(number).ok().and_then(char::from_u32);
        found.ok_or(CodecFailure::Malformed("a char"))
    }

    /// An integer that has a narrower type's tag.
    fn narrow<N: TryFrom<u64>>(&mut self) -> Result<N, CodecFailure> {
        N::try_from(self.reader.varint()?).map_err(|_| CodecFailure::Malformed("a number"))
    }

    fn narrow_signed<N: TryFrom<i64>>(&mut self) -> Result<N, CodecFailure> {
        N::try_from(self.reader.zigzag()?).map_err(|_| CodecFailure::Malformed("a number"))
    }
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = CodecFailure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecFailure> {
        match self.reader.byte()? {
            tag::UNIT => visitor.visit_unit(),
            tag::NONE => visitor.visit_none(),
            tag::SOME => self.nested(|decoder| visitor.visit_some(decoder)),
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag::U8 => visitor.visit_u8(self.narrow()?),
            tag::U16 => visitor.visit_u16(self.narrow()?),
            tag::U32 => visitor.visit_u32(self.narrow()?),
            tag::U64 => visitor.visit_u64(self.reader.varint()?),
            tag::U128 => visitor.visit_u128(u128::from_le_bytes(self.reader.array()?)),
            tag::I8 => visitor.visit_i8(self.narrow_signed()?),
            tag::I16 => visitor.visit_i16(self.narrow_signed()?),
            tag::I32 => visitor.visit_i32(self.narrow_signed()?),
            tag::I64 => visitor.visit_i64(self.reader.zigzag()?),
            tag::I128 => visitor.visit_i128(i128::from_le_bytes(self.reader.array()?)),
            tag::F32 => visitor.visit_f32(f32::from_le_bytes(self.reader.array()?)),
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.reader.array()?)),
            tag::CHAR => visitor.visit_char(self.char()?),
            tag::STR => visitor.visit_borrowed_str(self.reader.str()?),
            tag::BYTES => visitor.visit_borrowed_bytes(self.reader.text()?),
            tag::MAP => {
                let count = self.reader.count(2)?;
                self.entries(Some(count), visitor)
            }
            tag::MAP_OPEN => self.entries(None, visitor),
            tag::STRUCT => self.fields(visitor),
            // As formats without variants have them, so that who asked for anything gets on.
            tag::UNIT_VARIANT => visitor.visit_borrowed_str(self.reader.key()?),
            tag::VARIANT => {
                let name = self.reader.key()?;
                self.nested(|decoder| visitor.visit_map(VariantAsMap::new(decoder, name)))
            }
            first => self.sequence(first, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecFailure> {
        match self.reader.peek()? {
            tag::NONE | tag::UNIT | tag::SOME => self.deserialize_any(visitor),
            // What a type of its own wrote without saying that it is there.
            _ => self.nested(|decoder| visitor.visit_some(decoder)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecFailure> {
        self.nested(|decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecFailure> {
        match self.reader.byte()? {
            tag::UNIT_VARIANT => {
                let name: StrDeserializer<'_, CodecFailure> = self.reader.key()?.into_deserializer();
                visitor.visit_enum(name)
            }
            tag::VARIANT => {
                let name = self.reader.key()?;
                self.nested(|decoder| visitor.visit_enum(Variant::new(decoder, name)))
            }
            // What a type of its own wrote as a text.
            tag::STR => {
                let name: StrDeserializer<'_, CodecFailure> = self.reader.str()?.into_deserializer();
                visitor.visit_enum(name)
            }
            _ => Err(CodecFailure::Malformed("a variant")),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecFailure> {
        const NUMBERS_U8: u8 = tag::NUMBERS + <u8 as Number>::KIND;
        match self.reader.peek()? {
            NUMBERS_U8 => {
                self.reader.byte()?;
                visitor.visit_borrowed_bytes(self.reader.text()?)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecFailure> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecFailure> {
        match self.reader.peek()? {
            // What a type of its own wrote as bytes.
            tag::BYTES => {
                self.reader.byte()?;
                self.numbers::<V, u8>(visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}
