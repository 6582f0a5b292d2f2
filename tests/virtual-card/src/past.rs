//! What somebody did to a card before the test looks at it, without a reader in between.

use crate::{
    apdu::Command,
    card::Card,
    key::{Algorithm, PrivateKey},
    management_key::ManagementKey,
    manufacturer::Attestation,
    memory::{Hex, Oddities, Slot, certificate_object},
    piv,
    session::{Applet, Session},
};

impl Card {
    /// Leaves so many tries to the PIN.
    pub fn set_pin_tries(&self, tries: u8) {
        self.lock().memory.pin.tries = tries;
    }

    /// Leaves so many tries to the PUK.
    pub fn set_puk_tries(&self, tries: u8) {
        self.lock().memory.puk.tries = tries;
    }

    /// Makes it another card than most.
    pub fn set_oddities(&self, oddities: Oddities) {
        self.lock().memory.oddities = oddities;
    }

    /// The factory's management key, of another algorithm than the firmware's own: 3 is 3DES, 8, 10 and 12 are AES.
    pub fn set_management_algorithm(&self, algorithm: u8) {
        self.lock().memory.management = ManagementKey::factory(algorithm);
    }

    /// The management key wants a touch: 1 never, 2 always, 3 cached.
    pub fn set_management_touch(&self, policy: u8) {
        self.lock().memory.management.touch = policy;
    }

    /// Moves a key, as `ykman piv keys move` does: its certificate stays where it was.
    pub fn move_key(&self, from: u8, to: u8) {
        let mut core = self.lock();
        let slot = core.memory.slots.remove(&from).expect("a key to be moved");
        core.memory.slots.insert(to, slot);
    }

    /// Another program shares the card and selects another application: what the PIV application knew of this
    /// conversation is forgotten.
    pub fn select_another(&self) {
        let mut core = self.lock();
        core.session = Session::default();
        core.session.applet = Some(Applet::Otp);
    }

    /// No object fits any more.
    pub fn fill(&self) {
        let mut core = self.lock();
        core.memory.capacity = core.memory.used();
    }

    /// Puts these bytes where the object was; none removes it.
    pub fn set_object(&self, id: u32, content: Option<&[u8]>) {
        let mut core = self.lock();
        match content {
            Some(content) => core.memory.objects.insert(id, Hex(content.to_vec())),
            None => core.memory.objects.remove(&id),
        };
    }

    /// An object's bytes, as they are in the card.
    pub fn object(&self, id: u32) -> Option<Vec<u8>> {
        self.lock().memory.objects.get(&id).map(|object| object.0.clone())
    }

    /// Puts a certificate into a slot, whatever it says.
    pub fn set_certificate(&self, slot: u8, der: &[u8]) {
        let id = piv::certificate_id(slot).expect("a slot with a certificate");
        self.set_object(id, Some(&certificate_object(der)));
    }

    /// The object in which the certificate of a slot lies.
    pub fn certificate_id(slot: u8) -> Option<u32> {
        piv::certificate_id(slot)
    }

    /// Another attestation key and certificate in slot f9.
    pub fn set_attestation(&self, attestation: Attestation) {
        self.set_certificate(0xF9, attestation.certificate());
        self.lock().memory.attestation = attestation;
    }

    /// A key made on the card, with these policies; its public key as in [`Card::public_key`].
    pub fn generate(&self, slot: u8, algorithm: Algorithm, pin_policy: u8, touch_policy: u8) -> Vec<u8> {
        self.store(slot, PrivateKey::generate(algorithm), true, (pin_policy, touch_policy))
    }

    /// A key that was made elsewhere.
    pub fn import(&self, slot: u8, key: &PrivateKey, pin_policy: u8, touch_policy: u8) -> Vec<u8> {
        self.store(slot, key.clone(), false, (pin_policy, touch_policy))
    }

    fn store(&self, slot: u8, key: PrivateKey, generated: bool, policies: (u8, u8)) -> Vec<u8> {
        let (pin_policy, touch_policy) = policies;
        let public = key.public_bytes();
        self.lock().memory.slots.insert(slot, Slot { key, generated, pin_policy, touch_policy });
        public
    }

    /// No key in this slot any more; its certificate stays.
    pub fn remove_key(&self, slot: u8) {
        self.lock().memory.slots.remove(&slot);
    }

    /// The private key of a slot: no real card would tell.
    pub fn private_key(&self, slot: u8) -> Option<PrivateKey> {
        self.lock().memory.slots.get(&slot).map(|slot| slot.key.clone())
    }

    /// The public key of a slot: an uncompressed point, or the 32 bytes of Curve25519.
    pub fn public_key(&self, slot: u8) -> Option<Vec<u8>> {
        self.private_key(slot).map(|key| key.public_bytes())
    }

    /// What the card attests of a slot's key; nothing if it did not make it.
    pub fn attest(&self, slot: u8) -> Option<Vec<u8>> {
        let attest = Command { cla: 0, ins: 0xF9, p1: slot, p2: 0, data: Vec::new(), extended: true };
        piv::run(&mut self.lock(), &attest).ok()
    }
}
