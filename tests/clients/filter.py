# filter.py FILE: a seccomp allow-list as strict as an image loader's sandbox makes it. Everything not listed kills.
# The list is what `cat`, `env` and `sh` were seen to need, and what bubblewrap itself is owed once its filter is
# loaded: wait4 for pid 1, write, and execve, exit_group. Deliberately absent: execveat, waitid, prctl, seccomp,
# signalfd4, pidfd_*, close_range, kill: a launcher that uses them after loading dies here.
import sys

import seccomp

ALLOWED = """
    access arch_prctl brk clock_gettime clone close copy_file_range dup2 execve exit exit_group faccessat2 fadvise64 fcntl fstat
    futex getcwd getdents64 getegid geteuid getgid getpid getppid getrandom getuid ioctl lseek mmap mprotect mremap
    munmap newfstatat openat pipe2 poll pread64 prlimit64 read readlink rseq rt_sigaction rt_sigprocmask
    rt_sigreturn rt_sigsuspend set_robust_list set_tid_address statfs sysinfo uname vfork wait4 write
""".split()

rules = seccomp.SyscallFilter(defaction=seccomp.KILL)
for name in ALLOWED:
    rules.add_rule(seccomp.ALLOW, name)
with open(sys.argv[1], "wb") as file:
    rules.export_bpf(file)
