//go:build unix && !linux

package envoy

import "syscall"

// childAttributes gives Envoy its own process group, so that an interrupt typed at the terminal reaches only
// Ringfence, which then drains Envoy.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
