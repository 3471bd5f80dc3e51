package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit in which Linux reports CPU times to programs, whatever the kernel counts in.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time that a process has taken, its ended threads included.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading CPU time: %w", err)
	}
	return parseStat(stat)
}

// parseStat returns utime plus stime, fields 14 and 15 of /proc/<pid>/stat (proc(5)).
func parseStat(stat []byte) (time.Duration, error) {
	// The second field is the name in parentheses, and may hold spaces and parentheses itself.
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	const user, system = 14 - 3, 15 - 3
	if end < 0 || len(fields) <= system {
		return 0, errors.New("reading CPU time: unexpected form of /proc/<pid>/stat")
	}
	var ticks uint64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseUint(string(fields[i]), 10, 63)
		if err != nil {
			return 0, fmt.Errorf("reading CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// cpuTimes returns the CPU time of each named process.
func cpuTimes(pids map[string]int) (map[string]time.Duration, error) {
	times := make(map[string]time.Duration, len(pids))
	for name, pid := range pids {
		t, err := cpuTime(pid)
		if err != nil {
			return nil, err
		}
		times[name] = t
	}
	return times, nil
}

// ownCPU returns the CPU time that this process has taken.
func ownCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("reading CPU time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
