package envoy

import "syscall"

// childAttributes gives Envoy its own process group, so that an interrupt typed at the terminal reaches only
// Ringfence, which then drains Envoy; and has the kernel kill Envoy when Ringfence dies, however it dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
