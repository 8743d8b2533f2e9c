//! Equal large values, which are stored once, in whichever thread or item they were first.

use crate::Encoded;
use crate::codec::{Alias, Record, Stored, Value};
use crate::db::hot::{Content, NewContent};
use crate::db::place::At;
use crate::db::{Db, DbError, Durability, Submitted};
use crate::delta::Weight;

impl Db {
    /// Submits records of no thread, each large value of which an equal one is known as that.
    pub(crate) fn submit_shared(
        &self,
        records: Vec<Record<Encoded>>,
        durability: Option<Durability>,
        what: impl Fn() -> String,
    ) -> Result<Submitted, DbError> {
        let _entered = self.enter();
        let (records, contents) = self.shared(records, 0);
        self.submit_with(records, contents, false, durability, |_| what())
    }

    /// Records whose large values are those that are known already, and which of their values are not. The first one has
    /// this number in its frame.
    pub(super) fn shared(
        &self,
        records: Vec<Record<Encoded>>,
        first: u32,
    ) -> (Vec<Record<Stored>>, Vec<NewContent>) {
        let mut contents = Vec::new();
        let records = (first..).zip(records).map(|(record, whole)| {
            let mut numbers = 0_u32..;
            // A replay has to find the words of what is ranked, and reads no other records.
            let is_read = matches!(&whole, Record::ItemPut(put) if !put.ranked.texts.is_empty());
            whole.map(|whole| {
                let number = numbers.next();
                let Some(content) = Content::of(whole.bytes()) else {
                    return Value::Whole(whole);
                };
                if !is_read && let Some(at) = self.equal(content, &whole) {
                    let length = u64::try_from(whole.bytes().len()).unwrap_or(u64::MAX);
                    return Value::Alias(Alias {
                        of: at.named(),
                        weight: Weight::whole(length),
                    });
                }
                contents.extend(number.map(|value| NewContent {
                    content,
                    record,
                    value,
                }));
                Value::Whole(whole)
            })
        });
        (records.collect(), contents)
    }

    /// Where an equal value is that is stored whole.
    ///
    /// Whoever asks is in an era until the record is submitted that names the place. So compaction either waits for that record or has closed the place before, and the place cannot go while it is looked at.
    pub(super) fn equal(&self, content: Content, value: &Encoded) -> Option<At> {
        let contents = self.hot().contents();
        // What cannot be read is not the same.
        let is_equal = |at: &At| matches!(self.at_hand(*at), Ok(Some(there)) if there == *value);
        let known = contents.find(content);
        known.filter(is_equal).or_else(|| {
            let lasting = content.lasts.then(|| self.snapshot().content(content.hash));
            let place = lasting?.ok().flatten();
            let at = contents.open(place).filter(|at| known != Some(*at));
            at.filter(is_equal)
                .inspect(|at| contents.note(content, *at))
        })
    }

    /// The value there, unless its frame is not written yet.
    pub(super) fn at_hand(&self, at: At) -> Result<Option<Encoded>, DbError> {
        if let Some(value) = self.hot().values().get(at.id()) {
            return Ok(Some(value));
        }
        if self.with_log(|log| Ok(log.is_acknowledged(at.frame.end())))? {
            self.reader().value(at).map(Some)
        } else {
            Ok(None)
        }
    }
}
