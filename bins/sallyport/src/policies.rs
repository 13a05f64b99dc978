//! `sallyport seccomp`: policies to programs, programs to words, and what a program answers.

use crate::failure::{Failure, Res, say};
use crate::output::{Output, print};
use sallyport::seccomp::action::Kind;
use sallyport::seccomp::arch::{Arch, X32_BIT};
use sallyport::seccomp::bpf::{Answer, Call, Line, Malformed, Program, answer_of_all};
use sallyport::seccomp::source::{self, Loaded, OLDEST_KERNEL, Target, Unknown};
use sallyport::seccomp::{compile, names, oci, ready, rules};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

/// Seccomp filters: make them of policies, read them, ask them.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Make a filter of policies, for `bwrap --seccomp FD` and `seccomp-load`.
    Compile(Compile),
    /// Say in words what a filter does.
    Show(Show),
    /// Say what a filter answers to a system call.
    Test(Test),
    /// List the ready-made policies and their reasons.
    List(List),
}

/// What a policy is compiled for.
#[derive(clap::Args)]
struct For {
    /// Architectures whose calls are let through to the policy: x86_64, i386, x32 (by default the policy's own, or
    /// x86_64 and i386). Calls of any other kill the process.
    #[arg(long, value_name = "ARCH", value_delimiter = ',', value_parser = arch)]
    arch: Vec<Arch>,
    /// A capability that the command keeps: docker's and podman's profiles allow more with some.
    #[arg(long = "cap", value_name = "CAP", value_delimiter = ',', value_parser = cap)]
    caps: Vec<u8>,
    /// The oldest kernel that the filter is for: profiles allow some calls from a version on.
    #[arg(long, value_name = "VERSION", value_parser = kernel, default_value = "5.12")]
    kernel: (u32, u32),
    /// What is done with names of system calls that are unknown here.
    #[arg(long, value_enum, default_value_t)]
    unknown: Unknown,
    /// Which filter of a seccompiler file that holds several.
    #[arg(long, value_name = "NAME")]
    thread: Option<String>,
}

/// Make a filter of policies, for `bwrap --seccomp FD` and `seccomp-load`.
///
/// A policy is a ready-made one by its name (`sallyport seccomp list`) or a JSON file: a profile of an OCI runtime,
/// docker or podman as it is, or seccompiler's format; `-` is standard input. Several become one filter, in which the
/// most restrictive answer counts, and of equally restrictive ones the first policy's.
///
/// Calls of an architecture that no policy lists, x32's among them, kill the process. SCMP_ACT_NOTIFY is refused.
///
/// The number of a call is looked up in a balanced tree: docker's profile becomes 280 instructions for three
/// architectures, of which a call runs some 12. `--backend seccompiler` makes the list that the crate of that name makes,
/// which is walked from its start (1,439 instructions instead of 70 for a list of 286 calls).
#[derive(clap::Args)]
#[command(after_long_help = "Examples:\n  \
    sallyport seccomp compile -o filter.bpf no-tiocsti no-userns\n  \
    sallyport seccomp compile /usr/share/containers/seccomp.json | bwrap --seccomp 0 --ro-bind / / sh")]
struct Compile {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    target: For,
    /// Who makes the program.
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// Policies: names or files.
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<String>,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Backend {
    /// A tree of numbers, all formats and architectures.
    #[default]
    Tree,
    /// The crate seccompiler, for one policy in its format and x86_64.
    Seccompiler,
}

/// Say in words what a filter does.
///
/// One line an instruction, with its number; labels where jumps arrive; architectures, system calls and the constants
/// of well-known arguments by name; `arg1.lo` is the lower half of the second argument. What the kernel would refuse is
/// said on standard error, with the reason, and the exit status is 2.
#[derive(clap::Args)]
struct Show {
    /// Write JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: For,
    /// A filter, or a policy as `compile` takes it; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: String,
}

/// Say what a filter answers to a system call.
///
/// CALL is a name or a number, arguments are numbers (decimal, 0x hexadecimal, 0 octal, negative) or names such as
/// TIOCSTI and CLONE_NEWUSER|SIGCHLD; those left out are 0. The exit status is 0 if the call is made, 2 if it is not.
#[derive(clap::Args)]
#[command(after_long_help = "Examples:\n  \
    sallyport seccomp test filter.bpf ioctl 0 TIOCSTI\n  \
    sallyport seccomp test no-userns --and docker-default clone CLONE_NEWUSER")]
struct Test {
    /// Ask about a call of this architecture.
    #[arg(long, value_name = "ARCH", value_parser = arch, default_value = "x86_64")]
    r#as: Arch,
    /// Another filter or policy, loaded after FILE: the most restrictive answer counts.
    #[arg(long, value_name = "FILE")]
    and: Vec<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: For,
    /// A filter, or a policy as `compile` takes it; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: String,
    /// System call.
    #[arg(value_name = "CALL")]
    call: String,
    /// Its arguments.
    #[arg(value_name = "ARG", allow_hyphen_values = true, num_args = 0..=6)]
    args: Vec<String>,
}

/// List the ready-made policies and their reasons.
#[derive(clap::Args)]
struct List {
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub fn run(args: Args) -> Res<ExitCode> {
    match args.task {
        Task::Compile(args) => args.run(),
        Task::Show(args) => args.run(),
        Task::Test(args) => args.run(),
        Task::List(args) => args.run(),
    }
}

fn arch(name: &str) -> Result<Arch, String> {
    Arch::from_name(name).ok_or_else(|| "not one of x86_64, i386, x32".to_owned())
}

fn cap(name: &str) -> Result<u8, String> {
    let with_prefix = format!("CAP_{name}");
    let found = common::caps::from_name(name.as_bytes());
    found
        .or_else(|| common::caps::from_name(with_prefix.as_bytes()))
        .ok_or_else(|| "no such capability".to_owned())
}

fn kernel(text: &str) -> Result<(u32, u32), String> {
    oci::kernel_version(text)
        .ok_or_else(|| format!("not a version such as {}.{}", OLDEST_KERNEL.0, OLDEST_KERNEL.1))
}

impl For {
    fn target(&self) -> Target {
        let arches: BTreeSet<Arch> = self.arch.iter().copied().collect();
        Target {
            arches: (!arches.is_empty()).then_some(arches),
            caps: common::caps::CapSet::of(&self.caps),
            kernel: self.kernel,
            unknown: self.unknown,
            thread: self.thread.clone(),
        }
    }
}

/// The most that is read of a file: much more than any policy, and not all of a wrong file's gigabytes.
const MOST: u64 = 16 << 20;

fn read(name: &str) -> Res<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match name {
        "-" => io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes),
        _ => File::open(name).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)),
    };
    match read {
        Ok(count) if count as u64 > MOST => Err(Failure::new(format_args!("{name}: larger than 16 MiB"))),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::new(format_args!("{name}: {error}"))),
    }
}

/// A policy by name or from a file.
fn load(name: &str, target: &Target) -> Res<Loaded> {
    let named =
        if Path::new(name).exists() && name.contains('/') { None } else { source::ready_made(name, target) };
    match named {
        Some(loaded) => noted(loaded, name),
        None => noted(parse(&read(name)?, name, target)?, name),
    }
}

/// The policy, when what there is to say about it has been said.
fn noted(loaded: Result<Loaded, source::Refused>, name: &str) -> Res<Loaded> {
    let loaded = loaded.map_err(|refused| Failure::new(format_args!("{name}: {refused}")))?;
    for note in &loaded.notes {
        say(format_args!("{name}: {note}"));
    }
    Ok(loaded)
}

fn parse(bytes: &[u8], name: &str, target: &Target) -> Res<Result<Loaded, source::Refused>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(source::parse(text, name, target)),
        Err(_) => Err(Failure::new(format_args!("{name}: a policy is text, this is not"))),
    }
}

/// A program: compiled already, or a policy that is compiled now.
fn program(name: &str, target: &Target) -> Res<Program> {
    let fault = |error: Malformed| Failure::new(format_args!("{name}: {error}"));
    if source::ready_made(name, target).is_some() {
        return compile::compile(&[load(name, target)?.policy]).map_err(fault);
    }
    let bytes = read(name)?;
    // A policy is an object. As an instruction `{` and a character after it would be one that seccomp does not know.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        let loaded = noted(parse(&bytes, name, target)?, name)?;
        return compile::compile(&[loaded.policy]).map_err(fault);
    }
    Program::from_bytes(&bytes).map_err(fault)
}

impl Compile {
    fn run(self) -> Res<ExitCode> {
        self.output.check("a filter")?;
        let target = self.target.target();
        let program = match (self.backend, self.policies.as_slice()) {
            (Backend::Tree, policies) => {
                let policies: Res<Vec<_>> =
                    policies.iter().map(|name| load(name, &target).map(|loaded| loaded.policy)).collect();
                compile::compile(&policies?).map_err(Failure::new)?
            }
            (Backend::Seccompiler, [name]) => {
                let bytes = read(name)?;
                let refused = |refused| Failure::new(format_args!("{name}: {refused}"));
                rules::by_seccompiler(&String::from_utf8_lossy(&bytes), &target).map_err(refused)?
            }
            (Backend::Seccompiler, _) => {
                return Err(Failure::new(
                    "--backend seccompiler takes one policy: it cannot combine several",
                ));
            }
        };
        program.check().map_err(Failure::new)?;
        self.output.write(&program.to_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Res<ExitCode> {
        let program = program(&self.file, &self.target.target())?;
        let lines = program.disassemble();
        let refusal = program.check().err();
        let text = if self.json {
            let instructions: Vec<_> = lines.iter().map(line_json).collect();
            let value = json!({
                "instructions": instructions,
                "refused": refusal.map(|refusal| refusal.to_string()),
            });
            format!("{value:#}\n")
        } else {
            lines.iter().map(|line| format!("{line}\n")).collect()
        };
        print(text.as_bytes())?;
        match refusal {
            None => Ok(ExitCode::SUCCESS),
            Some(refusal) => {
                say(format_args!("{}: the kernel refuses this program: {refusal}", self.file));
                Ok(ExitCode::from(2))
            }
        }
    }
}

fn line_json(line: &Line) -> serde_json::Value {
    json!({ "at": line.at, "label": line.label, "text": line.text, "call": line.about })
}

impl Test {
    fn run(self) -> Res<ExitCode> {
        let target = self.target.target();
        let files: Vec<&String> = std::iter::once(&self.file).chain(&self.and).collect();
        let programs: Res<Vec<Program>> = files.iter().map(|file| program(file, &target)).collect();
        let programs = programs?;
        for (file, program) in files.iter().zip(&programs) {
            program.check().map_err(|refusal| {
                Failure::new(format_args!("{file}: the kernel refuses this program: {refusal}"))
            })?;
        }
        let call = self.call()?;
        let (number, answer) = match answer_of_all(&programs, &call) {
            Ok(Some(decided)) => decided,
            Ok(None) => return Err(Failure::new("no filter")),
            Err(refusal) => return Err(Failure::new(refusal)),
        };
        let by = files.get(number).map_or("", |file| file.as_str());
        let text = if self.json {
            format!("{}\n", answer_json(&call, &answer, by))
        } else if files.len() > 1 {
            format!("{} ({by}, instruction {} after {} steps)\n", answer.action, answer.at, answer.steps)
        } else {
            format!("{} (instruction {} after {} steps)\n", answer.action, answer.at, answer.steps)
        };
        print(text.as_bytes())?;
        if self.r#as == Arch::X86_64 && matches!(self.call.as_str(), "uretprobe" | "335" | "uprobe" | "336") {
            say("newer kernels let uretprobe and uprobe pass without asking any filter");
        }
        if answer.action.kind() == Kind::Errno && answer.action.data() > 4095 {
            say("the kernel makes 4095 of an errno larger than that");
        }
        Ok(ExitCode::from(if answer.action.is_allowed() { 0 } else { 2 }))
    }

    fn call(&self) -> Res<Call> {
        let arch = self.r#as;
        let nr = match names::number(&self.call) {
            Some(number) => u32::try_from(number).ok().or(match number {
                u64::MAX => Some(u32::MAX),
                _ => None,
            }),
            None => arch.number(&self.call),
        };
        let nr =
            nr.ok_or_else(|| Failure::new(format_args!("{arch} has no system call \"{}\"", self.call)))?;
        let nr = if arch == Arch::X32 && nr != u32::MAX { nr | X32_BIT } else { nr };
        let mut args = [0; 6];
        for (slot, text) in args.iter_mut().zip(&self.args) {
            *slot = names::value(text).ok_or_else(|| {
                Failure::new(format_args!("\"{text}\" is neither a number nor a known name"))
            })?;
        }
        Ok(Call::new(arch, nr, args))
    }
}

fn answer_json(call: &Call, answer: &Answer, by: &str) -> serde_json::Value {
    let arch = Arch::of_call(call.arch, call.nr);
    json!({
        "filter": by,
        "arch": arch.map(Arch::name),
        "nr": call.nr,
        "call": arch.and_then(|arch| arch.call_name(call.nr)),
        "args": call.args,
        "action": answer.action.to_string(),
        "value": answer.action.0,
        "allowed": answer.action.is_allowed(),
        "instruction": answer.at,
        "steps": answer.steps,
    })
}

impl List {
    fn run(self) -> Res<ExitCode> {
        let text = if self.json {
            let all: Vec<_> = ready::ALL
                .iter()
                .map(|ready| json!({ "name": ready.name, "denies": ready.summary, "reason": ready.reason }))
                .collect();
            format!("{:#}\n", json!(all))
        } else {
            let one = |ready: &ready::Ready| {
                format!("{}: {}\n{}\n", ready.name, ready.summary, wrapped(ready.reason))
            };
            ready::ALL.iter().map(one).collect::<Vec<_>>().join("\n")
        };
        print(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The text in lines of at most 80 characters, four of them indentation.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= 76 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
