//! Signatures that are verified on all processors, while the walk that meets them goes on.
//!
//! A walk over a ledger goes in the order of the chain, and takes each signature that it meets as good for the time being;
//! other threads verify them, each strictly and by itself. If a single one is bad, the walk was over a ledger that does not
//! exist, and what it found is thrown away: some bad statements end a walk, others are skipped and reported, and which it is
//! only a walk can tell that learns of it at once.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::key::{KeyError, PublicKey};
use crate::encoding::dsse::Envelope;

/// Bytes that are handed to a thread at a time. A longer message is verified by the walk.
const BATCH: usize = 32 << 10;
/// Bytes that wait for a thread. What comes while there are more is verified by the walk.
const WAITING: usize = 4 << 20;
/// What a waiting signature takes besides its payload: its type, its key, its bytes.
const CLAIM: usize = 512;
/// Bytes of a thread's stack: verification is shallow.
const STACK: usize = 512 << 10;

/// When the signatures of a walk are verified.
pub struct Signatures<'w>(When<'w>);

enum When<'w> {
    AtOnce,
    Meanwhile(&'w Waiting, RefCell<Batch>),
}

/// What a walk over `ceremonies` finds, each of which is worth one thread more. It is walked once more, with each signature verified when it is met, where one is
/// bad, and only so where there is no second processor.
pub fn walked<T>(ceremonies: usize, walk: impl Fn(&Signatures<'_>) -> T) -> T {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.saturating_sub(1).min(ceremonies);
    on_threads(threads, &walk).unwrap_or_else(|| walk(&Signatures::AT_ONCE))
}

/// What a walk finds if every signature that it met is good, and there is a thread.
fn on_threads<T>(threads: usize, walk: impl FnOnce(&Signatures<'_>) -> T) -> Option<T> {
    let waiting = Waiting::default();
    let walked = thread::scope(|scope| {
        let start = || thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || waiting.work());
        if (0..threads).filter(|_| start().is_ok()).count() == 0 {
            return None;
        }
        // The threads end with the walk, even where it panics.
        let ended = Ended(&waiting);
        let signatures = Signatures(When::Meanwhile(&waiting, RefCell::default()));
        let walked = walk(&signatures);
        if let When::Meanwhile(_, last) = signatures.0 {
            waiting.verify(last.into_inner());
        }
        drop(ended);
        waiting.work();
        Some(walked)
    });
    walked.filter(|_| !waiting.has_bad())
}

impl Signatures<'_> {
    /// Each when it is met.
    pub const AT_ONCE: Signatures<'static> = Signatures(When::AtOnce);

    /// Checks that `envelope` names this key and carries its signature, or has it checked meanwhile: then what it says here is
    /// for the time being, and [`walked`] has the last word.
    pub fn check(&self, key: &PublicKey, envelope: &Envelope) -> Result<(), KeyError> {
        let size = envelope.payload.0.len().saturating_add(CLAIM);
        let When::Meanwhile(waiting, batch) = &self.0 else { return key.verify_envelope(envelope) };
        if size > BATCH {
            return key.verify_envelope(envelope);
        }
        key.check_named(envelope)?;
        if waiting.has_bad() {
            return Err(KeyError::Signature);
        }
        let mut batch = batch.borrow_mut();
        batch.bytes = batch.bytes.saturating_add(size);
        batch.claims.push(Claim {
            key: key.clone(),
            message: envelope.signed_bytes(),
            signature: envelope.signature().sig.0.clone(),
        });
        if batch.bytes > BATCH {
            waiting.take(std::mem::take(&mut batch));
        }
        Ok(())
    }
}

/// That a key has signed a message.
struct Claim {
    key: PublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Claim {
    fn is_bad(&self) -> bool {
        self.key.verify(&self.message, &self.signature).is_err()
    }
}

#[derive(Default)]
struct Batch {
    claims: Vec<Claim>,
    bytes: usize,
}

/// What waits for a thread.
#[derive(Default)]
struct Waiting {
    queue: Mutex<Queue>,
    changed: Condvar,
    bad: AtomicBool,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    bytes: usize,
    has_ended: bool,
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A thread that panicked in between ends the scope with its panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_bad(&self) -> bool {
        self.bad.load(Ordering::Acquire)
    }

    /// Lets a batch wait, or verifies it where too many wait.
    fn take(&self, batch: Batch) {
        let mut queue = self.queue();
        if queue.bytes >= WAITING {
            drop(queue);
            return self.verify(batch);
        }
        queue.bytes = queue.bytes.saturating_add(batch.bytes);
        queue.batches.push_back(batch);
        drop(queue);
        self.changed.notify_one();
    }

    fn verify(&self, batch: Batch) {
        if !self.has_bad() && batch.claims.iter().any(Claim::is_bad) {
            self.bad.store(true, Ordering::Release);
        }
    }

    /// Verifies what waits until the walk has ended and nothing does.
    fn work(&self) {
        loop {
            let mut queue = self.queue();
            while queue.batches.is_empty() && !queue.has_ended {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(batch) = queue.batches.pop_front() else { return };
            queue.bytes = queue.bytes.saturating_sub(batch.bytes);
            drop(queue);
            self.verify(batch);
        }
    }
}

/// Tells the threads that nothing more comes.
struct Ended<'w>(&'w Waiting);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.queue().has_ended = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::Signer as _;

    /// How many of a hundred signatures, over messages of every size, a walk takes as good. The one at `bad` is by another key.
    fn good(threads: usize, bad: Option<usize>) -> Option<usize> {
        let signing = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let other = ed25519_dalek::SigningKey::from_bytes(&[2; 32]);
        let key = PublicKey::from_ed25519(signing.verifying_key()).unwrap();
        let signed = |number| {
            let mut envelope = Envelope::new("type".into(), vec![7; number * 400], key.keyid(), Vec::new());
            let signer = if bad == Some(number) { &other } else { &signing };
            envelope.signatures[0].sig.0 = signer.sign(&envelope.signed_bytes()).to_vec();
            envelope
        };
        on_threads(threads, |signatures| {
            (0..100).map(signed).filter(|envelope| signatures.check(&key, envelope).is_ok()).count()
        })
    }

    #[test]
    fn one_bad_signature_takes_back_the_whole_walk() {
        for threads in [1, 3] {
            assert_eq!(good(threads, None), Some(100));
            for bad in [0, 1, 40, 79, 80] {
                assert_eq!(good(threads, Some(bad)), None, "{bad}");
            }
            // Longer messages are verified by the walk, which knows at once.
            assert_eq!(good(threads, Some(99)), Some(99));
        }
    }

    #[test]
    fn without_a_thread_there_is_no_walk() {
        assert_eq!(good(0, None), None);
    }

    #[test]
    fn a_signature_that_names_another_key_is_refused_at_once() {
        let key = |seed| {
            let signing = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
            PublicKey::from_ed25519(signing.verifying_key()).unwrap()
        };
        let envelope = Envelope::new("type".into(), Vec::new(), key(1).keyid(), vec![0; 64]);
        let refused = on_threads(1, |signatures| signatures.check(&key(2), &envelope));
        assert!(matches!(refused, Some(Err(KeyError::OtherKey { .. }))), "{refused:?}");
    }
}
