//! The calls that the crate cryptoki cannot make, by the module's own function list.
//!
//! The crate has no name for CKM_AES_KEY_WRAP_KWP (RFC 5649), the one mechanism with which some modules wrap private keys, leaves
//! it out of a token's mechanisms, and reads no token whose time is not as the standard has it. The calls for that are here, and
//! nothing else.
//!
//! This is the only file outside `memory` with `unsafe` code, for a foreign function cannot be called without. Whatever a module
//! does wrong in such a call it could as well do in any other: it is loaded in the worker process only, which is there for it.
#![allow(unsafe_code, reason = "calls functions of the module")]

use std::{
    ffi::{CStr, c_void},
    path::Path,
    ptr,
};

use cryptoki::{
    context::Function,
    error::{Error, Result, Rv},
    mechanism::MechanismInfo,
    object::{Attribute, ObjectHandle},
    session::Session,
    slot::{Slot, TokenInfo},
};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_C_INITIALIZE_ARGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_MECHANISM,
    CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_TOKEN_INFO, CK_ULONG, CKF_CLOCK_ON_TOKEN, CKF_OS_LOCKING_OK,
    CKM_AES_KEY_WRAP_KWP,
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

mod reading;

pub(super) use reading::{Asked, Shown};

/// CKM_AES_KEY_WRAP_KWP: RFC 5649 in every module that lists it.
pub(super) const KWP: CK_MECHANISM_TYPE = CKM_AES_KEY_WRAP_KWP;

/// More than any wrapped key has.
const MAX_WRAPPED: usize = 1 << 20;

/// RFC 5649 adds 8 bytes to a key and makes it a multiple of 8. NSS tells the length of the key, and then requires room for more.
const KWP_ADDS: usize = 16;

/// As long as an RSA signature with 16,384 bits.
const MAX_SIGNATURE: usize = 2048;

/// More mechanisms than the standard has numbers for.
const MAX_MECHANISMS: usize = 1 << 16;

/// The function list of a module that is loaded already.
pub(super) struct Functions {
    list: CK_FUNCTION_LIST,
    /// Keeps the module loaded for as long as its functions can be called.
    _library: Library,
}

impl Functions {
    /// The list of the module at `path`, which the crate cryptoki has loaded: no file is loaded here. The functions of PKCS#11 v2.40
    /// are enough, and each module has them.
    pub(super) fn of_loaded(path: &Path) -> Result<Self> {
        // RTLD_NOLOAD gives the library that is there, or none.
        let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NOLOAD;
        // SAFETY: nothing is loaded, so that no initialiser runs.
        let library = unsafe { Library::open(Some(path), flags) }?;
        type Entry = unsafe extern "C" fn(*mut CK_FUNCTION_LIST_PTR) -> CK_ULONG;
        let mut list: CK_FUNCTION_LIST_PTR = ptr::null_mut();
        // SAFETY: the standard gives the symbol this type, and `list` is a place for a pointer.
        let code = unsafe { library.get::<Entry>(b"C_GetFunctionList\0").map(|entry| entry(&mut list)) }?;
        Rv::from(code).into_result(Function::GetFunctionList)?;
        if list.is_null() {
            return Err(Error::NullFunctionPointer);
        }
        // SAFETY: the module said CKR_OK, and so owes a list that stays while it is loaded; it is copied by its fields.
        Ok(Self { list: unsafe { list.read_unaligned() }, _library: library })
    }

    /// C_Initialize with parameters, as NSS softoken takes them: in the place of the standard's pReserved, before a pReserved of its own.
    pub(super) fn initialize(&self, parameters: &CStr) -> Result<()> {
        let call = self.list.C_Initialize.ok_or(Error::NullFunctionPointer)?;
        let standard = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            pReserved: parameters.as_ptr().cast_mut().cast(),
            ..CK_C_INITIALIZE_ARGS::default()
        };
        let mut arguments = NssArguments { standard, reserved: ptr::null_mut() };
        // SAFETY: the arguments are longer than the standard's, and begin with them; the parameters end with NUL and outlive the call.
        Rv::from(unsafe { call(ptr::from_mut(&mut arguments).cast()) }).into_result(Function::Initialize)
    }

    /// C_GetMechanismList: all numbers, those included for which the crate cryptoki has no name.
    pub(super) fn mechanisms(&self, slot: Slot) -> Result<Vec<CK_MECHANISM_TYPE>> {
        let call = self.list.C_GetMechanismList.ok_or(Error::NullFunctionPointer)?;
        let mut count: CK_ULONG = 0;
        // SAFETY: without a place for the list, only the count is written.
        Rv::from(unsafe { call(slot.id(), ptr::null_mut(), &mut count) })
            .into_result(Function::GetMechanismList)?;
        let mut numbers = vec![0; bounded(count, MAX_MECHANISMS)?];
        // SAFETY: `numbers` has room for `count` entries, as the module is told.
        Rv::from(unsafe { call(slot.id(), numbers.as_mut_ptr(), &mut count) })
            .into_result(Function::GetMechanismList)?;
        numbers.truncate(bounded(count, numbers.len())?);
        Ok(numbers)
    }

    /// C_GetMechanismInfo, by number.
    pub(super) fn mechanism_info(&self, slot: Slot, number: CK_MECHANISM_TYPE) -> Result<MechanismInfo> {
        let call = self.list.C_GetMechanismInfo.ok_or(Error::NullFunctionPointer)?;
        let mut info = CK_MECHANISM_INFO::default();
        // SAFETY: `info` is a place for what the function writes.
        Rv::from(unsafe { call(slot.id(), number, &mut info) }).into_result(Function::GetMechanismInfo)?;
        Ok(info.into())
    }

    /// C_GetTokenInfo without the token's clock: its time is not looked at, and so need not be one.
    pub(super) fn token_info(&self, slot: Slot) -> Result<TokenInfo> {
        let call = self.list.C_GetTokenInfo.ok_or(Error::NullFunctionPointer)?;
        let mut info = CK_TOKEN_INFO::default();
        // SAFETY: `info` is a place for what the function writes.
        Rv::from(unsafe { call(slot.id(), &mut info) }).into_result(Function::GetTokenInfo)?;
        info.flags &= !CKF_CLOCK_ON_TOKEN;
        TokenInfo::try_from(info)
    }

    /// C_WrapKey with [`KWP`], cut to the length that the module returned.
    pub(super) fn wrap(&self, session: &Session, under: ObjectHandle, key: ObjectHandle) -> Result<Vec<u8>> {
        let call = self.list.C_WrapKey.ok_or(Error::NullFunctionPointer)?;
        let mut mechanism = kwp();
        let mut length: CK_ULONG = 0;
        let (session, under, key) = (session.handle(), under.handle(), key.handle());
        // SAFETY: the mechanism has no parameter; without a place for the wrapped key, only its length is written.
        Rv::from(unsafe { call(session, &mut mechanism, under, key, ptr::null_mut(), &mut length) })
            .into_result(Function::WrapKey)?;
        let mut wrapped: Vec<CK_BYTE> = vec![0; bounded(length, MAX_WRAPPED)?.saturating_add(KWP_ADDS)];
        length = CK_ULONG::try_from(wrapped.len())?;
        // SAFETY: `wrapped` has room for `length` bytes, as the module is told.
        Rv::from(unsafe { call(session, &mut mechanism, under, key, wrapped.as_mut_ptr(), &mut length) })
            .into_result(Function::WrapKey)?;
        wrapped.truncate(bounded(length, wrapped.len())?);
        Ok(wrapped)
    }

    /// C_Sign, of an operation that was begun. The crate cryptoki begins and ends one in a single call, so that nobody can log in
    /// between, as a key with CKA_ALWAYS_AUTHENTICATE requires it.
    pub(super) fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>> {
        let call = self.list.C_Sign.ok_or(Error::NullFunctionPointer)?;
        let mut data = data.to_vec();
        let told = CK_ULONG::try_from(data.len())?;
        let mut signature: Vec<CK_BYTE> = vec![0; MAX_SIGNATURE];
        let mut length = CK_ULONG::try_from(signature.len())?;
        // SAFETY: both buffers are there with the lengths that are told.
        Rv::from(unsafe {
            call(session.handle(), data.as_mut_ptr(), told, signature.as_mut_ptr(), &mut length)
        })
        .into_result(Function::Sign)?;
        signature.truncate(bounded(length, signature.len())?);
        Ok(signature)
    }

    /// C_UnwrapKey with [`KWP`].
    pub(super) fn unwrap(
        &self,
        session: &Session,
        under: ObjectHandle,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let call = self.list.C_UnwrapKey.ok_or(Error::NullFunctionPointer)?;
        let mut mechanism = kwp();
        // Each points into its attribute, which outlives the call.
        let mut attributes: Vec<CK_ATTRIBUTE> = template.iter().map(CK_ATTRIBUTE::from).collect();
        // The function takes no pointer to constant bytes, so that it is given bytes which may be written.
        let mut bytes = wrapped.to_vec();
        let (length, count) = (CK_ULONG::try_from(bytes.len())?, CK_ULONG::try_from(attributes.len())?);
        let mut handle = 0;
        // SAFETY: the mechanism has no parameter; bytes and attributes are there with the lengths that are told, and `handle` is a
        // place for what the function writes.
        Rv::from(unsafe {
            call(
                session.handle(),
                &mut mechanism,
                under.handle(),
                bytes.as_mut_ptr(),
                length,
                attributes.as_mut_ptr(),
                count,
                &mut handle,
            )
        })
        .into_result(Function::UnwrapKey)?;
        // SAFETY: a handle that the module has just given for this session.
        Ok(unsafe { ObjectHandle::new_from_raw(handle) })
    }
}

/// CK_C_INITIALIZE_ARGS of NSS.
#[repr(C)]
struct NssArguments {
    standard: CK_C_INITIALIZE_ARGS,
    reserved: *mut c_void,
}

fn kwp() -> CK_MECHANISM {
    CK_MECHANISM { mechanism: KWP, pParameter: ptr::null_mut(), ulParameterLen: 0 }
}

/// A length that a module told; an absurd one is not allocated.
fn bounded(told: CK_ULONG, limit: usize) -> Result<usize> {
    match usize::try_from(told) {
        Ok(length) if length <= limit => Ok(length),
        _ => Err(Error::InvalidValue),
    }
}
