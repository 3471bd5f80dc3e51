package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// startBound is how long a process may take to be ready, a download of Envoy included.
const startBound = 3 * time.Minute

// child is a process under measurement.
type child struct {
	*exec.Cmd
	name   string
	exited chan struct{}
}

func start(name string, cmd *exec.Cmd) (*child, error) {
	// Interrupts go to this program alone, which stops the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (build it with `make build`): %w", name, err)
	}
	c := &child{Cmd: cmd, name: name, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// stop ends the process, by force when it takes long.
func (c *child) stop() {
	_ = c.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
	case <-time.After(20 * time.Second):
		_ = c.Process.Kill()
		<-c.exited
	}
}

// startAgentProcess starts the agent and returns its URL.
func startAgentProcess() (*child, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("starting the agent: %w", err)
	}
	return startSpeaking("the agent", exec.Command(self, agentCommand))
}

// startSpeaking starts a process that prints one line when it is ready, and returns the line. The process has to end when
// its standard input does, which happens at the latest when this program ends, also when that is killed.
func startSpeaking(name string, cmd *exec.Cmd) (*child, string, error) {
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, "", fmt.Errorf("starting %s: %w", name, err)
	}
	// Not StdoutPipe, which Wait closes.
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, "", fmt.Errorf("starting %s: %w", name, err)
	}
	defer reader.Close()
	cmd.Stdout = writer
	c, err := start(name, cmd)
	_ = writer.Close()
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(io.LimitReader(reader, 1<<10)).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, "", fmt.Errorf("starting %s: %w", name, err)
	}
	return c, strings.TrimSpace(line), nil
}

// readiness is what ringfence's ready file says.
type readiness struct {
	Gateway    string `json:"gateway"`
	GatewayURL string `json:"gatewayUrl"`
	APIURL     string `json:"apiUrl"`
	Socket     string `json:"socket"`
	EnvoyAdmin string `json:"envoyAdmin"`
	EnvoyPID   int    `json:"envoyPid"`
	Token      string `json:"token"`
}

// awaitReady reads the ready file as soon as it is there.
func (c *child) awaitReady(ctx context.Context, path string) (readiness, error) {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if data, err := os.ReadFile(path); err == nil {
			var r readiness
			if err := json.Unmarshal(data, &r); err != nil {
				return readiness{}, fmt.Errorf("reading ready file: %w", err)
			}
			return r, nil
		}
		select {
		case <-poll.C:
		case <-c.exited:
			return readiness{}, errors.New(c.name + " ended before it was ready")
		case <-ctx.Done():
			return readiness{}, fmt.Errorf("waiting for %s: %w", c.name, ctx.Err())
		}
	}
}
