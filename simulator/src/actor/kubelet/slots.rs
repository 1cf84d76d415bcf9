//! What each pod's slot holds. Slots are numbered as pods come and never given twice, and they are looked up at every
//! ping: a list finds them at once, and a copy of it is a pointer per pod.

use std::ops::Index;
use std::sync::Arc;

#[derive(Debug)]
pub(in crate::actor) struct Slots<T>(Vec<Option<Arc<T>>>);

impl<T> Slots<T> {
    pub fn get(&self, slot: u32) -> Option<&Arc<T>> {
        self.0.get(slot as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Arc<T>> {
        self.0.get_mut(slot as usize)?.as_mut()
    }

    pub fn insert(&mut self, slot: u32, value: Arc<T>) {
        let place = slot as usize;
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some(value);
    }

    pub fn remove(&mut self, slot: u32) -> Option<Arc<T>> {
        self.0.get_mut(slot as usize)?.take()
    }

    /// By number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Arc<T>)> {
        (0..).zip(&self.0).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }

    pub fn values(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().flatten()
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = Arc<T>;

    fn index(&self, slot: u32) -> &Arc<T> {
        self.get(slot).expect("a slot that is in use")
    }
}
