//! What the fence came to, layer by layer: attempts and kernel facts, never intentions.

use std::fmt;
use std::str::Lines;

use crate::error::SandboxError;
use crate::policy::Layer;
use crate::waiting::WaitCount;

const MAGIC: &str = "vgrout-fence 1";

/// Where one layer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerStatus {
    /// Every attack of its probe was blocked.
    Enforced,
    /// It is on, but something of it is missing.
    Partial {
        /// What is missing.
        reason: String,
    },
    /// The kernel, or its configuration, refuses it.
    Unavailable {
        /// In words.
        reason: String,
        /// The kernel's answer.
        errno: i32,
    },
    /// The caller left it out.
    Disabled,
}

/// One attack that was attempted under one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// What was attempted.
    pub attack: String,
    /// Whether the layer stopped it.
    pub blocked: bool,
    /// The kernel's answer.
    pub detail: String,
}

/// One layer's part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerReport {
    /// Which layer.
    pub layer: Layer,
    /// Where it stands.
    pub status: LayerStatus,
    /// The attacks attempted under it.
    pub probes: Vec<ProbeResult>,
}

/// What the kernel says about a process behind the whole fence, read from inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelFacts {
    /// The uid.
    pub uid: u32,
    /// The gid.
    pub gid: u32,
    /// The process number, in its own namespace.
    pub pid: i32,
    /// The parent's number as the process sees it; 0 means that it sees none.
    pub ppid: i32,
    /// No exec can grant anything.
    pub no_new_privs: bool,
    /// Other processes of the uid may read its memory.
    pub dumpable: bool,
    /// 2 is filtering.
    pub seccomp_mode: u8,
    /// Filters in force; 0 where the kernel does not count them (before Linux 5.9, gVisor).
    pub seccomp_filters: u32,
    /// Effective capabilities, one bit each.
    pub cap_effective: u64,
    /// Bounding set, one bit each; all ones where the kernel does not say.
    pub cap_bounding: u64,
}

/// The fence of one machine, as probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceReport {
    /// One entry per layer, lowest first.
    pub layers: Vec<LayerReport>,
    /// Facts read inside the whole fence; `None` where it could not be built.
    pub facts: Option<KernelFacts>,
    /// Whether wall limits leave out what a rollout waited for a CPU.
    pub waits: WaitCount,
}

impl FenceReport {
    /// The highest layer such that it and all below it are enforced; `None` where the base is not.
    #[must_use]
    pub fn level(&self) -> Option<Layer> {
        let mut level = None;
        for layer in Layer::ALL {
            match self.status(layer) {
                Some(LayerStatus::Enforced) => level = Some(layer),
                _ => break,
            }
        }
        level
    }

    /// The status of one layer.
    #[must_use]
    pub fn status(&self, layer: Layer) -> Option<&LayerStatus> {
        self.layers
            .iter()
            .find(|entry| entry.layer == layer)
            .map(|entry| &entry.status)
    }

    /// Accepts the fence only at this level or above.
    ///
    /// # Errors
    /// [`SandboxError::LevelTooLow`], naming the first layer that is missing.
    pub fn require(&self, wanted: Layer) -> Result<(), SandboxError> {
        let level = self.level();
        if level >= Some(wanted) {
            return Ok(());
        }
        let missing = Layer::ALL
            .into_iter()
            .find(|&layer| self.status(layer) != Some(&LayerStatus::Enforced));
        let why = missing.map_or_else(String::new, |layer| match self.status(layer) {
            Some(status) => format!("{layer} is {status}"),
            None => format!("{layer} was not probed"),
        });
        let reached = level.map_or_else(|| "none".to_owned(), |layer| layer.to_string());
        Err(SandboxError::LevelTooLow {
            wanted,
            reached,
            why,
        })
    }

    /// The report as text of one line per fact, for a socket.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut lines = vec![MAGIC.to_owned()];
        for entry in &self.layers {
            let (word, reason, errno) = match &entry.status {
                LayerStatus::Enforced => ("enforced", "", 0),
                LayerStatus::Partial { reason } => ("partial", reason.as_str(), 0),
                LayerStatus::Unavailable { reason, errno } => {
                    ("unavailable", reason.as_str(), *errno)
                }
                LayerStatus::Disabled => ("disabled", "", 0),
            };
            let (layer, reason) = (entry.layer, escape(reason));
            lines.push(format!("layer\t{layer}\t{word}\t{errno}\t{reason}"));
            lines.extend(entry.probes.iter().map(|probe| {
                let (attack, detail) = (escape(&probe.attack), escape(&probe.detail));
                format!("probe\t{attack}\t{}\t{detail}", u8::from(probe.blocked))
            }));
        }
        lines.extend(self.facts.as_ref().map(encode_facts));
        lines.push(match &self.waits {
            WaitCount::Counted => "waits\tcounted\t".to_owned(),
            WaitCount::Uncounted { reason } => format!("waits\tuncounted\t{}", escape(reason)),
        });
        lines.push(String::new());
        lines.join("\n").into_bytes()
    }

    /// Reads what [`FenceReport::encode`] wrote.
    ///
    /// # Errors
    /// [`SandboxError::DecodeReport`] with the line.
    pub fn decode(bytes: &[u8]) -> Result<Self, SandboxError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SandboxError::DecodeReport {
            line: 0,
            reason: "it is not UTF-8",
        })?;
        let mut lines = text.lines();
        if lines.next() != Some(MAGIC) {
            return Err(SandboxError::DecodeReport {
                line: 1,
                reason: "the version is unknown",
            });
        }
        decode_lines(lines)
    }
}

fn decode_lines(lines: Lines<'_>) -> Result<FenceReport, SandboxError> {
    let mut report = FenceReport {
        layers: Vec::new(),
        facts: None,
        waits: WaitCount::default(),
    };
    for (index, text) in lines.enumerate() {
        let wrong = |reason| SandboxError::DecodeReport {
            line: index + 2,
            reason,
        };
        let fields: Vec<&str> = text.split('\t').collect();
        match fields.as_slice() {
            ["layer", name, word, errno, reason] => {
                let reason = unescape(reason);
                let status = match *word {
                    "enforced" => LayerStatus::Enforced,
                    "partial" => LayerStatus::Partial { reason },
                    "unavailable" => {
                        let errno = errno
                            .parse()
                            .map_err(|_| wrong("the errno is not a number"))?;
                        LayerStatus::Unavailable { reason, errno }
                    }
                    "disabled" => LayerStatus::Disabled,
                    _ => return Err(wrong("the status is unknown")),
                };
                let layer = name.parse().map_err(|_| wrong("the layer is unknown"))?;
                report.layers.push(LayerReport {
                    layer,
                    status,
                    probes: Vec::new(),
                });
            }
            ["probe", attack, blocked, detail] => {
                let entry = report
                    .layers
                    .last_mut()
                    .ok_or_else(|| wrong("a probe stands before its layer"))?;
                entry.probes.push(ProbeResult {
                    attack: unescape(attack),
                    blocked: *blocked == "1",
                    detail: unescape(detail),
                });
            }
            ["facts", numbers @ ..] => {
                report.facts = Some(
                    decode_facts(numbers).ok_or_else(|| wrong("the facts are not ten numbers"))?,
                );
            }
            ["waits", "counted", _] => report.waits = WaitCount::Counted,
            ["waits", "uncounted", reason] => {
                let reason = unescape(reason);
                report.waits = WaitCount::Uncounted { reason };
            }
            _ => return Err(wrong("the line is of no known kind")),
        }
    }
    Ok(report)
}

fn encode_facts(facts: &KernelFacts) -> String {
    let numbers = [
        facts.uid.to_string(),
        facts.gid.to_string(),
        facts.pid.to_string(),
        facts.ppid.to_string(),
        u8::from(facts.no_new_privs).to_string(),
        u8::from(facts.dumpable).to_string(),
        facts.seccomp_mode.to_string(),
        facts.seccomp_filters.to_string(),
        facts.cap_effective.to_string(),
        facts.cap_bounding.to_string(),
    ];
    format!("facts\t{}", numbers.join("\t"))
}

fn decode_facts(numbers: &[&str]) -> Option<KernelFacts> {
    let &[
        uid,
        gid,
        pid,
        parent,
        no_new_privs,
        dumpable,
        mode,
        filters,
        effective,
        bounding,
    ] = numbers
    else {
        return None;
    };
    Some(KernelFacts {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        pid: pid.parse().ok()?,
        ppid: parent.parse().ok()?,
        no_new_privs: no_new_privs == "1",
        dumpable: dumpable == "1",
        seccomp_mode: mode.parse().ok()?,
        seccomp_filters: filters.parse().ok()?,
        cap_effective: effective.parse().ok()?,
        cap_bounding: bounding.parse().ok()?,
    })
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some(other) => other,
                None => break,
            },
            other => other,
        });
    }
    plain
}

impl fmt::Display for LayerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("enforced"),
            Self::Partial { reason } => write!(f, "partial ({reason})"),
            Self::Unavailable { reason, errno } => {
                write!(f, "unavailable ({reason}; errno {errno})")
            }
            Self::Disabled => f.write_str("disabled"),
        }
    }
}

impl fmt::Display for FenceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level().map_or("none", Layer::name);
        writeln!(f, "level: {level}")?;
        for entry in &self.layers {
            let blocked = entry.probes.iter().filter(|probe| probe.blocked).count();
            write!(f, "{:<11} {}", entry.layer, entry.status)?;
            if entry.probes.is_empty() {
                writeln!(f)?;
            } else {
                writeln!(f, ", {blocked} of {} attacks blocked", entry.probes.len())?;
            }
            for probe in &entry.probes {
                let word = if probe.blocked { "blocked" } else { "OPEN" };
                writeln!(f, "  {word:<8} {:<40} {}", probe.attack, probe.detail)?;
            }
        }
        writeln!(f, "waits       for a CPU are {}", self.waits)?;
        if let Some(facts) = &self.facts {
            writeln!(
                f,
                "inside      uid {} gid {} pid {} ppid {}, no_new_privs {}, dumpable {}, seccomp mode {} with {} filters, \
                 capabilities {:#x} (bounding {:#x})",
                facts.uid,
                facts.gid,
                facts.pid,
                facts.ppid,
                u8::from(facts.no_new_privs),
                u8::from(facts.dumpable),
                facts.seccomp_mode,
                facts.seccomp_filters,
                facts.cap_effective,
                facts.cap_bounding,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FenceReport, KernelFacts, LayerReport, LayerStatus, ProbeResult};
    use crate::policy::Layer;
    use crate::waiting::WaitCount;

    fn report(statuses: [LayerStatus; 4]) -> FenceReport {
        let layers = Layer::ALL.into_iter().zip(statuses);
        FenceReport {
            layers: layers
                .map(|(layer, status)| LayerReport {
                    layer,
                    status,
                    probes: Vec::new(),
                })
                .collect(),
            facts: None,
            waits: WaitCount::Counted,
        }
    }

    fn partial() -> LayerStatus {
        LayerStatus::Partial {
            reason: "old".to_owned(),
        }
    }

    #[test]
    fn a_layer_counts_only_where_all_below_it_are_enforced() {
        use LayerStatus::{Disabled, Enforced};
        assert_eq!(
            report([Enforced, Enforced, Enforced, Enforced]).level(),
            Some(Layer::Cgroup)
        );
        assert_eq!(
            report([Enforced, partial(), Enforced, Enforced]).level(),
            Some(Layer::Base)
        );
        assert_eq!(
            report([Enforced, Enforced, Disabled, Enforced]).level(),
            Some(Layer::Landlock)
        );
        assert_eq!(
            report([partial(), Enforced, Enforced, Enforced]).level(),
            None
        );
    }

    #[test]
    fn require_refuses_a_lower_level_and_names_the_missing_layer() {
        use LayerStatus::{Disabled, Enforced};
        let report = report([Enforced, partial(), Enforced, Disabled]);
        assert!(report.require(Layer::Base).is_ok());
        let error = report
            .require(Layer::Namespaces)
            .expect_err("landlock is partial")
            .to_string();
        assert_eq!(
            error,
            "the fence reaches level base, below the demanded namespaces: landlock is partial (old)"
        );
    }

    #[test]
    fn a_report_survives_the_socket_whatever_its_texts_hold() {
        let mut whole = report([
            LayerStatus::Enforced,
            LayerStatus::Partial {
                reason: "a\tb\nc\\n\r".to_owned(),
            },
            LayerStatus::Unavailable {
                reason: "no".to_owned(),
                errno: 1,
            },
            LayerStatus::Disabled,
        ]);
        whole.layers[1].probes.push(ProbeResult {
            attack: "x\ty".to_owned(),
            blocked: false,
            detail: "\n".to_owned(),
        });
        whole.facts = Some(KernelFacts {
            uid: 1,
            gid: 2,
            pid: 3,
            ppid: 0,
            no_new_privs: true,
            dumpable: false,
            seccomp_mode: 2,
            seccomp_filters: 2,
            cap_effective: 0,
            cap_bounding: u64::MAX,
        });
        assert_eq!(
            FenceReport::decode(&whole.encode()).expect("own text"),
            whole
        );
        whole.waits = WaitCount::Uncounted {
            reason: "a\tb".to_owned(),
        };
        assert_eq!(
            FenceReport::decode(&whole.encode()).expect("own text"),
            whole
        );
    }

    #[test]
    fn a_damaged_report_is_refused_with_its_line() {
        let error = FenceReport::decode(b"vgrout-fence 1\nlayer\tbase\tgood\t0\t\n")
            .expect_err("unknown status");
        assert_eq!(
            error.to_string(),
            "cannot decode a fence report, line 2: the status is unknown"
        );
        assert!(FenceReport::decode(b"").is_err());
    }
}
