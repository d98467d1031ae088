//! A value encoded where it will be read, or apart where it turns out to be too long for that.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// Where the bytes go. They are written once: a value that holds the end of a queue gives it away when it is encoded.
struct Draft<'a> {
    /// Nothing once they go apart.
    place: &'a mut [u8],
    /// Bytes in the place.
    len: usize,
    apart: Vec<u8>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Encoded {
    /// So many, in the place.
    InPlace(usize),
    Apart(Vec<u8>),
}

/// Encodes a value into a place.
#[inline]
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, place: &mut [u8]) -> postcard::Result<Encoded> {
    postcard::serialize_with_flavor(value, Draft { place, len: 0, apart: Vec::new() })
}

impl Draft<'_> {
    #[cold]
    fn go_apart(&mut self, bytes: &[u8]) {
        if !self.is_apart() {
            let place = core::mem::take(&mut self.place);
            self.apart.reserve(2 * (self.len + bytes.len()));
            self.apart.extend_from_slice(&place[..self.len]);
        }
        self.apart.extend_from_slice(bytes);
    }

    fn is_apart(&self) -> bool {
        !self.apart.is_empty()
    }
}

impl Flavor for Draft<'_> {
    type Output = Encoded;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        match self.place.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.go_apart(&[byte]),
        }
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        match self.place.get_mut(self.len..self.len + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.go_apart(bytes),
        }
        Ok(())
    }

    #[inline]
    fn finalize(self) -> postcard::Result<Encoded> {
        Ok(if self.is_apart() { Encoded::Apart(self.apart) } else { Encoded::InPlace(self.len) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_any_length_does() {
        let value = (7_u8, "breeze".to_owned(), vec![1_u64, 2, 1 << 40], None::<u8>, String::new());
        let bytes = postcard::to_allocvec(&value).unwrap();
        for len in 0..bytes.len() + 3 {
            let mut place = vec![0; len];
            match encode(&value, &mut place).unwrap() {
                Encoded::InPlace(count) => assert_eq!((&place[..count], count <= len), (&bytes[..], true)),
                Encoded::Apart(apart) => assert_eq!((apart, len < bytes.len()), (bytes.clone(), true)),
            }
        }
    }

    #[test]
    fn nothing_fits_into_nothing() {
        assert!(matches!(encode(&(), &mut []), Ok(Encoded::InPlace(0))));
    }
}
