//! Numbers and texts to little-endian bytes, and back. It knows nothing of what they mean.

/// The bytes end before what was to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooShort;

/// Appends to bytes.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn f64(&mut self, number: f64) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn f32s(&mut self, numbers: &[f32]) {
        self.0.reserve(size_of_val(numbers));
        numbers
            .iter()
            .for_each(|number| self.bytes(&number.to_le_bytes()));
    }

    /// A length and the text.
    ///
    /// # Panics
    /// The text has more than 65,535 bytes.
    pub(super) fn text(&mut self, text: &str) {
        self.u16(u16::try_from(text.len()).expect("names are short"));
        self.bytes(text.as_bytes());
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads bytes from the front. Lengths in them are never trusted: nothing is allocated that the
/// bytes do not hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], TooShort> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(TooShort)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn u16(&mut self) -> Result<u16, TooShort> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, TooShort> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, TooShort> {
        self.array().map(f64::from_le_bytes)
    }

    pub(super) fn f32s(&mut self, count: usize) -> Result<Vec<f32>, TooShort> {
        const SIZE: usize = size_of::<f32>();
        let bytes = self.bytes(count.checked_mul(SIZE).ok_or(TooShort)?)?;
        let (numbers, _) = bytes.as_chunks::<SIZE>();
        Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
    }

    /// A text as [`Writer::text`] writes it.
    pub(super) fn text(&mut self) -> Result<&'a [u8], TooShort> {
        let length = self.u16()?;
        self.bytes(length.into())
    }

    /// What has not been read.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TooShort> {
        let (head, rest) = self.0.split_first_chunk().ok_or(TooShort)?;
        self.0 = rest;
        Ok(*head)
    }
}
