//! Keys and values in pages that branches share.

use std::any::Any;
use std::sync::Arc;

use super::Shape;
use crate::error::ModelError;
use crate::network::State;

/// Positions of a page: whole vectors. A fork copies one page at most, later, when it writes to it.
pub const PAGE: usize = 32;

/// Keys and values of [`PAGE`] positions in all layers.
///
/// Keys: by layer, head and component, the positions side by side. Values: by layer, head and position, the components
/// side by side, padded to whole vectors.
#[derive(Clone)]
pub struct Page {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Page {
    fn new(shape: &Shape) -> Page {
        let heads = shape.layers * shape.groups;
        Page {
            keys: vec![0.0; heads * shape.width * PAGE],
            values: vec![0.0; heads * shape.value_width * PAGE],
        }
    }

    /// Keys and values of a head.
    pub fn head(&self, shape: &Shape, layer: usize, group: usize) -> (&[f32], &[f32]) {
        let head = layer * shape.groups + group;
        let (keys, values) = (shape.width * PAGE, shape.value_width * PAGE);
        (
            self.keys.get(head * keys..(head + 1) * keys).unwrap_or_default(),
            self.values
                .get(head * values..(head + 1) * values)
                .unwrap_or_default(),
        )
    }

    fn set(&mut self, shape: &Shape, layer: usize, slot: usize, key: &[f32], value: &[f32]) {
        let heads = key.chunks_exact(shape.width).zip(value.chunks_exact(shape.width));
        for (group, (key, value)) in heads.enumerate() {
            let head = layer * shape.groups + group;
            let keys = self
                .keys
                .iter_mut()
                .skip(head * shape.width * PAGE + slot)
                .step_by(PAGE);
            keys.zip(key).for_each(|(to, from)| *to = *from);
            let at = (head * PAGE + slot) * shape.value_width;
            if let Some(to) = self.values.get_mut(at..at + shape.width) {
                to.copy_from_slice(value);
            }
        }
    }
}

/// The cache of one sequence.
pub struct Pages {
    pub pages: Vec<Arc<Page>>,
    pub len: usize,
}

impl Pages {
    /// Stores the key and the value of one token, all heads one after the other.
    pub fn set(&mut self, shape: &Shape, layer: usize, position: usize, key: &[f32], value: &[f32]) {
        while self.pages.len() <= position / PAGE {
            self.pages.push(Arc::new(Page::new(shape)));
        }
        if let Some(page) = self.pages.get_mut(position / PAGE) {
            Arc::make_mut(page).set(shape, layer, position % PAGE, key, value);
        }
    }
}

impl State for Pages {
    fn len(&self) -> usize {
        self.len
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.pages.truncate(self.len.div_ceil(PAGE));
    }

    fn fork(&self) -> Result<Box<dyn State>, ModelError> {
        Ok(Box::new(Pages {
            pages: self.pages.clone(),
            len: self.len,
        }))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
