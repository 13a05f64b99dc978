//! What the manual pages say besides option tables and the contract, in the Markdown of pipeline.md.

/// bwrap(1).
pub const FRONT: &str = "\
`bwrap` runs COMMAND in a sandbox: in namespaces of its own, with a file system tree that is put together from the \
options, without privileges. No privilege is needed to do so where the kernel lets ordinary users make user namespaces.

Without an option the sandbox is empty: what the command is to see of the host has to be bound. Options about the tree \
are carried out in the order in which they are given, so a mount on a directory comes before those below it. \
Directories that are missing are made.

It makes a plan of the command line and hands it to the stages, small programs that each do one part of the set-up: \
`ns-enter`, `fs-build`, `priv-drop`, `init-reaper`, `seccomp-load`. They are found beside `bwrap` or in \
`../libexec/sallyport`. `sallyport compile` makes the same plan as a file.

Options, messages, exit statuses and JSON are those of bubblewrap 0.13.1; differences are listed in pipeline.md.
";

/// ENVIRONMENT of bwrap(1).
pub const FRONT_ENVIRONMENT: &str = "\
The command gets the caller's variables as `--clearenv`, `--setenv` and `--unsetenv` change them, and `PWD`. It is looked \
up in the `PATH` that results.
";

/// EXIT STATUS of bwrap(1).
pub const FRONT_STATUS: &str = "\
The command's own; 128 and the number of the signal if one killed it; 1 if the sandbox could not be set up or the command \
not be run, with a line on standard error that says why. The command does not run in a sandbox that is not complete.
";

/// EXAMPLES of bwrap(1).
pub const FRONT_EXAMPLES: &str = "\
The host, not to be written to, without network, and with processes of its own:

```
bwrap --ro-bind / / --unshare-all --proc /proc --dev /dev bash
```

The host's /usr and nothing else of it:

```
bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \\
      --proc /proc --dev /dev --tmpfs /tmp --unshare-all --new-session --clearenv sh
```
";

/// The page of a stage.
pub const STAGE: &str = "\
It is one stage of a launch: `bwrap` starts the first, each execs the next, and the last one the command. The plan says \
what to do; each stage reads its own part and no other. The whole contract is in pipeline.md.
";

/// sallyport(1).
pub const TOOL: &str = "\
A plan says all that a sandbox is made of, in a file of some hundred bytes: it can be stored, read, checked, compared and \
edited before anything runs, and launched as often as one likes. It holds no state but the numbers of descriptors that \
its options named; those have to be open when it is launched.

PLAN is a file, or - for standard input.
";

/// EXIT STATUS of a stage's page.
pub const STAGE_STATUS: &str = "\
That of what it becomes or waits for, and in the end the command's; 128 and the number of the signal if one killed a \
command that is waited for. As a command of its own: 125 if its part of the set-up fails, 126 if the command cannot be \
run, 127 if it is not there. Behind `bwrap`: 1 for all three. A line on standard error says which.
";

/// EXAMPLES of priv-drop(1).
pub const PRIV_DROP_EXAMPLES: &str = "\
As another user, without groups, capabilities and the terminal; run by root:

```
priv-drop --reuid 1000 --regid 1000 --clear-groups --bounding-set -all --new-session -- id
```
";

/// WARNINGS of sallyport(1).
pub const WARNINGS: &str = "What `sallyport check` says, the worst first:";

/// EXIT STATUS of sallyport(1).
pub const TOOL_STATUS: &str = "\
0 if all went well, 1 if not, with a line on standard error. `check` and `diff`: 0 if there is nothing to report, 1 if \
there is, 2 if a plan could not be read. `seccomp test`: 0 if the call is made, 2 if it is refused; `seccomp show`: 2 if \
the kernel refuses the program; both 1 if they could not tell. `doctor`: 0 if a plain sandbox can be launched, 1 if not. \
`run`: as `bwrap`. `trace`: the command's. Where nobody reads the output any more: 141, as if by SIGPIPE, in silence.

A standard output that is closed when `sallyport` is started is one that takes everything, as `/dev/null`: the status is
the one above and the output is lost.

A command line that is not understood: 2, of `seccomp` 1.
";

/// EXAMPLES of sallyport(1).
pub const TOOL_EXAMPLES: &str = "\
A plan, what it does, what is wrong with it, and a launch:

```
sallyport compile -o build.plan --ro-bind / / --unshare-all --bind \"$PWD\" \"$PWD\" make
sallyport show build.plan
sallyport check --allow writable-host=\"$PWD\" build.plan
sallyport run build.plan
```

The same plan without network, made with jq:

```
sallyport show --json build.plan |
    jq '.[\"ns-enter\"] |= (.namespaces = (.namespaces + [\"net\"] | unique) | .loopback = true)' |
    sallyport from-json -o offline.plan -
sallyport diff build.plan offline.plan
```
";
