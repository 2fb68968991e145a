//! What a fence consists of and which parts of it are wanted. Decides nothing about the kernel:
//! that is the probe's.

use std::str::FromStr;

use crate::cgroup::CgroupParent;
use crate::error::SandboxError;
pub use crate::layers::{Layer, NamespacePlan};

impl FromStr for Layer {
    type Err = SandboxError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|layer| layer.name() == name)
            .ok_or_else(|| SandboxError::UnknownLayer {
                name: name.to_owned(),
            })
    }
}

/// A set of layers, used for those that are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct LayerSet(u8);

impl LayerSet {
    /// The set without a member.
    pub const EMPTY: Self = Self(0);

    /// Adds a layer.
    pub const fn insert(&mut self, layer: Layer) {
        self.0 |= 1 << layer as u8;
    }

    /// Whether the layer is in the set.
    #[must_use]
    pub const fn contains(self, layer: Layer) -> bool {
        self.0 & (1 << layer as u8) != 0
    }

    /// One bit per layer, the base lowest.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits; bits without a layer are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b1111)
    }

    /// The members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        Layer::ALL
            .into_iter()
            .filter(move |&layer| self.contains(layer))
    }

    /// Checks that the set may be left out of a fence.
    ///
    /// # Errors
    /// [`SandboxError::BaseDisabled`] where it holds the base.
    pub const fn check_disabled(self) -> Result<(), SandboxError> {
        if self.contains(Layer::Base) {
            Err(SandboxError::BaseDisabled)
        } else {
            Ok(())
        }
    }
}

impl FromIterator<Layer> for LayerSet {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        let mut set = Self::EMPTY;
        layers.into_iter().for_each(|layer| set.insert(layer));
        set
    }
}

/// The first uid that fenced zygotes of root take, one per slot; the gid is the same number.
///
/// It lies in 1879048192..2147483647, which systemd's table of uid ranges leaves to nobody.
pub const FENCED_UID_BASE: u32 = 1_987_470_000;

/// The first uid where a container maps only 16 bits of ids, again in a range that systemd's table
/// leaves unused.
pub const FENCED_UID_BASE_SHORT: u32 = 60_600;

/// Slots are below this number, so that both uid ranges hold them.
pub const MAX_SLOTS: u32 = 500;

/// What one zygote's fence consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ZygotePolicy {
    /// The namespaces it was cloned into.
    pub namespaces: NamespacePlan,
    /// Whether it enters a Landlock domain; it must succeed then, in full or in part.
    pub landlock: bool,
    /// A number below [`MAX_SLOTS`] that no other live zygote of this machine has: it selects the
    /// uid.
    pub slot: u32,
}

/// What the probe found usable here, less what was disabled.
#[derive(Debug, Clone, Default)]
pub struct FencePlan {
    /// Landlock works, in full or in part.
    pub landlock: bool,
    /// The namespaces that work.
    pub namespaces: NamespacePlan,
    /// The control group below which zygotes may get their own.
    pub cgroup: Option<CgroupParent>,
}

impl FencePlan {
    /// The policy of the zygote in one slot.
    #[must_use]
    pub const fn zygote(&self, slot: u32) -> ZygotePolicy {
        ZygotePolicy {
            namespaces: self.namespaces,
            landlock: self.landlock,
            slot,
        }
    }
}
