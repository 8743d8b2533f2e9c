//! The index's rows with places in them, as bytes.

use crate::db::place::Place;
use crate::db::place_bytes::PlaceBytes;
use crate::index::{Key, Rank, Row, TableKey, TableRow, Undecodable, decode_row, encode_row};

impl TableKey for Key {
    fn rank(&self) -> Rank {
        Self::rank(self)
    }

    fn encode(&self) -> Vec<u8> {
        Self::encode(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        Self::decode(bytes).ok_or_else(|| Undecodable("a key is none".to_owned()))
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.text_len()
    }
}

impl TableRow for Row<Place> {
    type Key = Key;

    fn encode(&self) -> Vec<u8> {
        encode_row(self, &mut PlaceBytes::default())
    }

    fn decode(key: &Key, bytes: &[u8]) -> Result<Self, Undecodable> {
        let row = decode_row(key, bytes, &mut PlaceBytes::default());
        row.ok_or_else(|| Undecodable(format!("the row of {key:?} is none")))
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.heap_len()
    }
}
