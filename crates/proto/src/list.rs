//! Lists with bounds on their length: checked once, valid ever after.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// At least `MIN` and at most `MAX` values in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

/// Too few or too many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("takes {min} to {max} entries, not {got}")]
pub struct ListError {
    /// Fewest allowed.
    pub min: usize,
    /// Most allowed.
    pub max: usize,
    /// The number met.
    pub got: usize,
}

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// Takes as many values as allowed.
    ///
    /// # Errors
    /// [`ListError`] names the bounds.
    pub fn new(values: Vec<T>) -> Result<Self, ListError> {
        let got = values.len();
        if (MIN..=MAX).contains(&got) { Ok(Self(values)) } else { Err(ListError { min: MIN, max: MAX, got }) }
    }

    /// The values.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, 0, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MIN: usize, const MAX: usize> IntoIterator for &'a List<T, MIN, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T, const MIN: usize, const MAX: usize> TryFrom<Vec<T>> for List<T, MIN, MAX> {
    type Error = ListError;

    fn try_from(values: Vec<T>) -> Result<Self, ListError> {
        Self::new(values)
    }
}

impl<T: Serialize, const MIN: usize, const MAX: usize> Serialize for List<T, MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de> for List<T, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    //! A count outside its bounds must not reach a fold, whichever side it comes from.
    use super::*;

    #[test]
    fn counts_outside_the_bounds_are_refused_from_either_side() {
        assert!(List::<u8, 1, 2>::new(vec![1, 2]).is_ok());
        assert_eq!(List::<u8, 1, 2>::new(vec![]), Err(ListError { min: 1, max: 2, got: 0 }));
        assert!(List::<u8, 1, 2>::new(vec![1, 2, 3]).is_err());
        let three = crate::cbor::encode(&[1u8, 2, 3]).unwrap();
        assert!(crate::cbor::decode::<List<u8, 1, 2>>(&three, crate::cbor::Bounds::MESSAGE).is_err());
        assert_eq!(List::<u8, 0, 2>::default().into_vec(), Vec::<u8>::new());
    }
}
