//! Hot rows that are read often and changed seldom, kept in memory: pools, clients, keys.
//!
//! When a change is seen: on SQLite this process is the only writer, and a row stays until it is invalidated. On a shared
//! database a row is at most one second old, counted by the monotonic clock from the moment its load *began*; so a change by
//! another instance is seen within a second. Whoever writes invalidates after its commit.
//!
//! A load that began before an invalidation may have read the old row and is not kept: every invalidation raises a number,
//! and a load is kept only if the number is still the one it began with. An absent row is not kept either, so that asking for
//! names that don't exist fills no memory.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;

use super::Result;

/// Made by [`Store::cache`](super::Store::cache). Share it in an `Arc`.
pub struct Cache<K, V> {
    capacity: usize,
    /// After this a row is loaded again; `None` keeps it until it is invalidated.
    max_age: Option<Duration>,
    rows: RwLock<Rows<K, V>>,
}

/// A ring of slots, evicted by the clock algorithm: the hand passes over a row that was used since it last came by.
struct Rows<K, V> {
    slots: Vec<Option<Slot<K, V>>>,
    places: HashMap<K, usize, RandomState>,
    hand: usize,
    /// Raised by every invalidation.
    generation: u64,
}

struct Slot<K, V> {
    key: K,
    row: Arc<V>,
    loaded: Instant,
    used: AtomicBool,
}

impl<K: Hash + Eq + Clone, V> Cache<K, V> {
    pub(super) fn new(capacity: usize, max_age: Option<Duration>) -> Self {
        let rows = Rows { slots: Vec::new(), places: HashMap::default(), hand: 0, generation: 0 };
        Self { capacity: capacity.max(1), max_age, rows: RwLock::new(rows) }
    }

    /// The row of `key`, from memory or through `load`. Several callers may load the same row at once.
    ///
    /// What `load` does is large next to a row that is found: it is made when it is needed, and on the heap, so that futures
    /// that hold this one stay small.
    pub async fn get_or_load<Q, Load>(&self, key: &Q, load: impl FnOnce() -> Load) -> Result<Option<Arc<V>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        Load: Future<Output = Result<Option<V>>> + Send,
    {
        let generation = {
            let rows = self.read();
            if let Some(row) = rows.fresh(key, self.max_age) {
                return Ok(Some(row));
            }
            rows.generation
        };
        let began = Instant::now();
        let Some(row) = Box::pin(load()).await?.map(Arc::new) else { return Ok(None) };
        let mut rows = self.write();
        if rows.generation == generation {
            let slot = Slot { key: key.to_owned(), row: Arc::clone(&row), loaded: began, used: AtomicBool::new(false) };
            rows.keep(slot, self.capacity);
        }
        Ok(Some(row))
    }

    /// The row of `key` if it is in memory.
    pub fn get<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.read().fresh(key, self.max_age)
    }

    /// Forgets the row of `key`. Call it after the commit that changed the row.
    pub fn invalidate(&self, key: &K) {
        let mut rows = self.write();
        rows.generation += 1;
        if let Some(place) = rows.places.remove(key) {
            rows.slots[place] = None;
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut rows = self.write();
        rows.generation += 1;
        rows.places.clear();
        rows.slots.clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, Rows<K, V>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows<K, V>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, V> Rows<K, V> {
    fn fresh<Q>(&self, key: &Q, max_age: Option<Duration>) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let slot = self.slots[*self.places.get(key)?].as_ref()?;
        if max_age.is_some_and(|age| slot.loaded.elapsed() >= age) {
            return None;
        }
        slot.used.store(true, Ordering::Relaxed);
        Some(Arc::clone(&slot.row))
    }

    fn keep(&mut self, slot: Slot<K, V>, capacity: usize) {
        let place = match self.places.get(&slot.key) {
            Some(place) => *place,
            None if self.slots.len() < capacity => {
                self.slots.push(None);
                self.slots.len() - 1
            }
            None => self.make_room(),
        };
        self.places.insert(slot.key.clone(), place);
        self.slots[place] = Some(slot);
    }

    /// Turns the hand to a slot that is empty or unused; ends after two rounds at most.
    fn make_room(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            match &self.slots[place] {
                Some(slot) if slot.used.swap(false, Ordering::Relaxed) => {}
                Some(slot) => {
                    self.places.remove(&slot.key);
                    return place;
                }
                None => return place,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    async fn load(cache: &Cache<u32, u32>, key: u32, value: u32) -> u32 {
        *cache.get_or_load(&key, || async { Ok(Some(value)) }).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_row_stays_until_it_is_invalidated() {
        let cache = Cache::new(4, None);
        assert_eq!(load(&cache, 1, 10).await, 10);
        assert_eq!(load(&cache, 1, 11).await, 10);
        cache.invalidate(&1);
        assert_eq!(load(&cache, 1, 12).await, 12);
        cache.clear();
        assert_eq!(load(&cache, 1, 13).await, 13);
    }

    #[tokio::test]
    async fn on_a_shared_database_a_row_ages_from_the_start_of_its_load() {
        let cache = Cache::new(4, Some(Duration::from_millis(60)));
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(80)).await;
            Ok(Some(10))
        };
        cache.get_or_load(&1, slow).await.unwrap();
        assert_eq!(load(&cache, 1, 11).await, 11, "the first row was too old when it arrived");
        assert_eq!(load(&cache, 1, 12).await, 11);
        tokio::time::sleep(Duration::from_millis(70)).await;
        assert_eq!(load(&cache, 1, 13).await, 13);
    }

    #[tokio::test]
    async fn a_load_that_began_before_an_invalidation_is_not_kept() {
        let cache = Arc::new(Cache::new(4, None));
        let (read, row) = oneshot::channel();
        let late = {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move { cache.get_or_load(&1, || async { Ok(row.await.ok()) }).await })
        };
        tokio::task::yield_now().await;
        cache.invalidate(&1);
        read.send(10).unwrap();
        assert_eq!(late.await.unwrap().unwrap().as_deref(), Some(&10));
        assert_eq!(load(&cache, 1, 11).await, 11);
    }

    #[tokio::test]
    async fn an_absent_row_is_asked_for_again() {
        let cache = Cache::new(4, None);
        assert!(cache.get_or_load(&1, || async { Ok(None) }).await.unwrap().is_none());
        assert_eq!(load(&cache, 1, 10).await, 10);
    }

    #[tokio::test]
    async fn a_full_cache_keeps_what_is_used() {
        let cache = Cache::new(8, None);
        for key in 0..1000 {
            load(&cache, 5000, 1).await;
            load(&cache, key, 1).await;
        }
        assert_eq!(cache.read().slots.len(), 8);
        assert_eq!(cache.read().places.len(), 8);
        assert_eq!(load(&cache, 5000, 2).await, 1);
    }
}
