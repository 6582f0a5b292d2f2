//! What a card remembers without power: its file.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{card::Firmware, key::PrivateKey, management_key::ManagementKey, manufacturer::Attestation};

/// Bytes, hex in the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        base16ct::lower::decode_vec(&text).map(Self).map_err(|_| D::Error::custom("not lower-case hex"))
    }
}

/// A PIN or PUK and its tries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// Padded with FF to 8 bytes.
    pub(crate) value: Hex,
    pub(crate) limit: u8,
    pub(crate) tries: u8,
    pub(crate) default: bool,
}

impl Reference {
    pub(crate) fn factory(value: &[u8; 8], limit: u8) -> Self {
        Self { value: Hex(value.to_vec()), limit, tries: limit, default: true }
    }
}

/// The key of a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) key: PrivateKey,
    pub(crate) generated: bool,
    pub(crate) pin_policy: u8,
    pub(crate) touch_policy: u8,
}

/// What makes a card another than most: settings of its owner or of its maker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Oddities {
    /// Simple PINs and PUKs are refused with 6985 (firmware 5.7).
    pub pin_complexity: bool,
    /// The FIPS series of firmware 5.7: PIN and PUK of 8 characters.
    pub fips: bool,
    /// The management application does not tell these two.
    pub silent: bool,
    /// No PUK, as the Bio series: its metadata is not found.
    pub no_puk: bool,
    /// A PUK of which the metadata say 0 of 0 tries.
    pub no_puk_tries: bool,
    /// The serial is not told (a setting of the OTP application).
    pub hidden_serial: bool,
    /// SELECT of PIV is refused with this status: 6985 as over NFC.
    pub refuses_piv: Option<u16>,
}

/// Everything that survives a power cut.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) serial: u32,
    pub(crate) firmware: Firmware,
    pub(crate) pin: Reference,
    pub(crate) puk: Reference,
    pub(crate) management: ManagementKey,
    pub(crate) slots: BTreeMap<u8, Slot>,
    pub(crate) objects: BTreeMap<u32, Hex>,
    pub(crate) attestation: Attestation,
    /// How many bytes of objects fit.
    pub(crate) capacity: usize,
    #[serde(default)]
    pub(crate) oddities: Oddities,
}

pub(crate) const PIN: &[u8; 8] = b"123456\xFF\xFF";
pub(crate) const PUK: &[u8; 8] = b"12345678";

/// Where the certificate of slot f9 can be read and replaced.
pub(crate) const ATTESTATION_OBJECT: u32 = 0x5F_FF01;

impl Memory {
    pub(crate) fn factory(serial: u32, firmware: Firmware, attestation: Attestation) -> Self {
        let certificate = certificate_object(attestation.certificate());
        Self {
            serial,
            firmware,
            pin: Reference::factory(PIN, 3),
            puk: Reference::factory(PUK, 3),
            management: ManagementKey::factory(firmware.management_algorithm()),
            slots: BTreeMap::new(),
            objects: BTreeMap::from([(ATTESTATION_OBJECT, Hex(certificate))]),
            attestation,
            capacity: 51_200,
            oddities: Oddities::default(),
        }
    }

    /// RESET: everything goes but the attestation key and its certificate.
    pub(crate) fn reset(&mut self) {
        let certificate = self.objects.remove(&ATTESTATION_OBJECT);
        let mut fresh = Self::factory(self.serial, self.firmware, self.attestation.clone());
        fresh.capacity = self.capacity;
        fresh.oddities = self.oddities;
        fresh.objects = certificate.map(|it| (ATTESTATION_OBJECT, it)).into_iter().collect();
        *self = fresh;
    }

    pub(crate) fn used(&self) -> usize {
        self.objects.values().map(|object| object.0.len()).sum::<usize>() + 200 * self.slots.len()
    }
}

/// A certificate as PIV wraps it: uncompressed, without an error detection code.
pub(crate) fn certificate_object(certificate: &[u8]) -> Vec<u8> {
    use crate::tlv::tlv;
    [tlv(0x70, certificate), tlv(0x71, &[0]), tlv(0xFE, &[])].concat()
}
