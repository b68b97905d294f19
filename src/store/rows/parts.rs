//! Which recipients a transaction is for, where a message has more than one transaction may hold.
//!
//! They go in rounds: whoever was part of the fewest transactions comes first, so that a recipient
//! who is deferred again and again does not keep the others from being tried at all.

use super::base::Base;
use super::state::State;
use super::tables::ATTEMPTS;
use crate::model::MessageId;
use crate::model::message::{Outcome, Recipient};
use crate::store::Result;

impl<B: Base> State<B> {
    /// The pending recipients of the next transaction, at most `at_most`, in order.
    pub(super) fn next_part(&self, id: &MessageId, at_most: usize) -> Result<Vec<u32>> {
        let recipients = self.recipients_of(id)?;
        let mut pending = self.tries_of_pending(id, &recipients)?;
        pending.sort_unstable();
        pending.truncate(at_most);
        let mut part: Vec<u32> = pending.into_iter().map(|(_, index)| index).collect();
        part.sort_unstable();
        Ok(part)
    }

    /// Whether the round goes on at once after a transaction for the recipients of these indexes:
    /// it decided about one of them, and somebody is pending who was tried less often. After one
    /// that decided nothing, the server may be ill, and the others wait as well.
    pub(super) fn round_goes_on(
        &self,
        id: &MessageId,
        recipients: &[Recipient],
        part: &[u32],
    ) -> Result<bool> {
        let tries = self.tries(id, recipients.len())?;
        let most = part
            .iter()
            .filter_map(|index| tries.get(*index as usize))
            .max();
        let mut of_part = part
            .iter()
            .filter_map(|index| recipients.get(*index as usize));
        let decided = of_part.any(|recipient| recipient.outcome != Outcome::Pending);
        let pending = self.tries_of_pending(id, recipients)?;
        Ok(decided && pending.iter().any(|(tried, _)| Some(tried) < most))
    }

    fn tries_of_pending(
        &self,
        id: &MessageId,
        recipients: &[Recipient],
    ) -> Result<Vec<(u32, u32)>> {
        let tries = self.tries(id, recipients.len())?;
        Ok((0..)
            .zip(recipients)
            .zip(tries)
            .filter(|((_, recipient), _)| recipient.outcome == Outcome::Pending)
            .map(|((index, _), tried)| (tried, index))
            .collect())
    }

    /// How many transactions each recipient was part of, the present one included.
    fn tries(&self, id: &MessageId, recipients: usize) -> Result<Vec<u32>> {
        let mut tries = vec![0; recipients];
        for attempt in self.rows_under(ATTEMPTS, id) {
            for index in attempt?.recipients {
                if let Some(count) = tries.get_mut(index as usize) {
                    *count += 1;
                }
            }
        }
        Ok(tries)
    }
}
