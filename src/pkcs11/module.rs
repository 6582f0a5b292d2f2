//! The module, in the worker: each function is announced before it is called.

use std::{ffi::CString, fs, io::Read, os::unix::fs::MetadataExt, path::Path};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11},
    error::Error,
    mechanism::{MechanismInfo, MechanismType},
    slot::{Slot, TokenInfo},
};
use secrecy::SecretString;

use super::{
    fault::{CallResult, Fault, of_call},
    link::ParentLink,
    raw::Functions,
};
use crate::{
    encoding::{
        absolute_path::AbsolutePath,
        digest::{Digest, Hasher},
    },
    memory::Pin,
    ports::cause::Cause,
};

/// The variable with the parameters of NSS softoken.
const PARAMETERS: &str = "NSS_LIB_PARAMS";

/// A loaded and initialised module.
pub(super) struct Module<'l> {
    pkcs11: Pkcs11,
    /// For what `pkcs11` cannot ask. None where the module gives its function list to one caller only.
    functions: Option<Functions>,
    link: &'l ParentLink,
    sha256: Digest,
}

/// The hint where there is no file at a pinned module's path.
const MOVED: &str =
    "put it back, or, if it moved on purpose, propose an inventory with module = \"/its/new/path\"";

impl<'l> Module<'l> {
    /// Loads the file if it is a module for this machine and, where a digest is pinned, that very file.
    pub(super) fn load(
        link: &'l ParentLink,
        path: &AbsolutePath,
        pinned: Option<Digest>,
    ) -> CallResult<Self> {
        let path: &Path = path.as_ref();
        link.announce("open")?;
        let (sha256, before) = examine(path).map_err(|fault| match pinned {
            // A module that was pinned has been there.
            Some(_) if !path.exists() => Fault { hint: MOVED.into(), ..fault },
            _ => fault,
        })?;
        if let Some(pinned) = pinned.filter(|pinned| *pinned != sha256) {
            let fault = Fault::new(
                "open",
                format!(
                    "{} is another file than the pinned one: its SHA-256 is {sha256}, not {pinned}; it was not loaded",
                    path.display()
                ),
                "if the module was updated on purpose, propose an inventory with its module_sha256; if it moved, with module = \"/its/new/path\"; else find out who changed it",
            );
            return Err(Fault { cause: Cause::ModuleChanged, ..fault });
        }
        link.announce("dlopen")?;
        let pkcs11 = link.timed(|| Pkcs11::new(path)).map_err(|e| load_fault(path, &e))?;
        if identity_of(path).ok() != Some(before) {
            return Err(Fault::new(
                "open",
                format!("{} was replaced while it was being loaded", path.display()),
                "find out who changes the module's file",
            ));
        }
        let functions = link.timed(|| Functions::of_loaded(path)).ok();
        let module = Self { pkcs11, functions, link, sha256 };
        module.initialize()?;
        Ok(module)
    }

    /// C_Initialize. NSS softoken has to be told where its files are, in a field that the standard reserves, and older ones do not
    /// look for NSS_LIB_PARAMS themselves: a module that refuses the standard's arguments is given that, if it is set.
    fn initialize(&self) -> CallResult<()> {
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        let refused = match self.call("C_Initialize", |p| p.initialize(arguments)) {
            Err(fault) if fault.cause == Cause::ArgumentsBad => fault,
            other => return other,
        };
        let parameters = std::env::var(PARAMETERS).ok().and_then(|text| CString::new(text).ok());
        match (parameters, &self.functions) {
            (Some(parameters), Some(functions)) => {
                self.call("C_Initialize", |_| functions.initialize(&parameters))
            }
            _ => Err(Fault {
                hint: format!("if this is NSS softoken, set {PARAMETERS} to \"configdir='sql:DIRECTORY'\""),
                ..refused
            }),
        }
    }

    pub(super) fn link(&self) -> &'l ParentLink {
        self.link
    }

    pub(super) fn sha256(&self) -> Digest {
        self.sha256
    }

    /// Announces and calls a function that changes nothing.
    pub(super) fn call<T>(
        &self,
        function: &str,
        call: impl FnOnce(&Pkcs11) -> cryptoki::error::Result<T>,
    ) -> CallResult<T> {
        self.link.announce(function)?;
        self.link.timed(|| call(&self.pkcs11)).map_err(|e| of_call(function, &e))
    }

    /// Whether the function list has an entry for it.
    pub(super) fn has(&self, function: Function) -> bool {
        self.pkcs11.is_fn_supported(function)
    }

    pub(super) fn slots_with_token(&self) -> CallResult<Vec<Slot>> {
        self.call("C_GetSlotList", Pkcs11::get_slots_with_token)
    }

    pub(super) fn token_info(&self, slot: Slot) -> CallResult<TokenInfo> {
        self.call("C_GetTokenInfo", |p| match (p.get_token_info(slot), &self.functions) {
            // The clock of some tokens does not tell the time in sixteen digits (opencryptoki): it is not needed.
            (Err(Error::ParseInt(_) | Error::Utf8(_)), Some(functions)) => functions.token_info(slot),
            (info, _) => info,
        })
    }

    /// The numbers of all mechanisms that the token lists.
    pub(super) fn mechanisms(&self, slot: Slot) -> CallResult<Vec<u64>> {
        self.call("C_GetMechanismList", |p| match self.functions.as_ref().map(|f| f.mechanisms(slot)) {
            Some(Ok(numbers)) => Ok(numbers),
            // Some proxies keep a state for each function list that they give away: the second one is not initialised.
            _ => p.get_mechanism_list(slot).map(|named| named.iter().map(|kind| **kind).collect()),
        })
    }

    /// What the token says of one of them.
    pub(super) fn mechanism_info(&self, slot: Slot, number: u64) -> CallResult<MechanismInfo> {
        self.call("C_GetMechanismInfo", |p| match (MechanismType::try_from(number), &self.functions) {
            (Err(_), Some(functions)) => functions.mechanism_info(slot, number),
            (named, _) => p.get_mechanism_info(slot, named?),
        })
    }

    /// The module's function list, for what the crate cryptoki cannot ask.
    pub(super) fn functions(&self) -> Option<&Functions> {
        self.functions.as_ref()
    }

    /// C_Finalize; by then the result has been sent, so that the parent may have closed the line already: what a module leaves
    /// behind is not for it to wait for.
    pub(super) fn finalize(self) {
        let _ = self.link.announce("C_Finalize");
        let _ = self.pkcs11.finalize();
    }
}

/// The PIN in the type that cryptoki takes, which wipes itself when dropped.
pub(super) fn auth_pin(pin: &Pin) -> CallResult<SecretString> {
    match std::str::from_utf8(pin.expose()) {
        Ok(text) => Ok(SecretString::from(text.to_owned())),
        Err(_) => Err(Fault::new("open", "the PIN is not UTF-8 text", "save it as UTF-8; no try was spent")),
    }
}

/// Device, inode, length and change time.
type FileIdentity = (u64, u64, u64, i64, i64);

fn identity_of(path: &Path) -> std::io::Result<FileIdentity> {
    let meta = fs::metadata(path)?;
    Ok((meta.dev(), meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()))
}

fn examine(path: &Path) -> CallResult<(Digest, FileIdentity)> {
    let failed = |e: std::io::Error| {
        Fault::new(
            "open",
            format!("cannot read the module {}: {e}", path.display()),
            "give the absolute path of the vendor's PKCS#11 library",
        )
    };
    let identity = identity_of(path).map_err(failed)?;
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut hasher = Hasher::default();
    let mut header = Vec::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut block).map_err(failed)?;
        let Some(read) = block.get(..count).filter(|read| !read.is_empty()) else { break };
        if header.is_empty() {
            header.extend_from_slice(read.get(..20).unwrap_or(read));
        }
        hasher.update(read);
    }
    check_elf(path, &header)?;
    Ok((hasher.finish(), identity))
}

/// Class, byte order and machine must be those of this very program (System V ABI, ELF header).
fn check_elf(path: &Path, header: &[u8]) -> CallResult<()> {
    let refuse = |what: &str| {
        Err(Fault::new(
            "open",
            format!("{} {what}", path.display()),
            "give the vendor's PKCS#11 library for this machine (a .so file)",
        ))
    };
    if !header.starts_with(b"\x7fELF") || header.len() < 20 {
        return refuse("is not a shared library (no ELF header)");
    }
    let mut own = [0; 20];
    let known = fs::File::open("/proc/self/exe").and_then(|mut f| f.read_exact(&mut own)).is_ok();
    if known && (header.get(4..6) != own.get(4..6) || header.get(18..20) != own.get(18..20)) {
        return refuse("is a library for another kind of machine");
    }
    Ok(())
}

fn load_fault(path: &Path, error: &Error) -> Fault {
    match error {
        Error::LibraryLoading(e) => Fault::new(
            "dlopen",
            format!("the module cannot be loaded: {}", crate::encoding::text::printable(&e.to_string())),
            "install the libraries that it needs; 'ldd' names those that are missing",
        ),
        Error::MissingSymbol(name) => Fault::new(
            "dlopen",
            format!("{} is a library, but not a PKCS#11 module: it has no {name}", path.display()),
            "give the vendor's PKCS#11 library",
        ),
        other => of_call("C_GetFunctionList", other),
    }
}
