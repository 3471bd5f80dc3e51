package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// readiness is what --ready-file tells others: host:port addresses, their URLs, the path of the socket, and the API token.
type readiness struct {
	Gateway    string `json:"gateway"`
	GatewayURL string `json:"gatewayUrl"`
	API        string `json:"api"`
	APIURL     string `json:"apiUrl"`
	GRPC       string `json:"grpc"`
	Socket     string `json:"socket,omitempty"`
	Cards      string `json:"cards"`
	EnvoyAdmin string `json:"envoyAdmin"`
	EnvoyPID   int    `json:"envoyPid,omitempty"`
	PID        int    `json:"pid"`
	Token      string `json:"token"`
}

// readReadiness reads a ready file; without a path there is nothing to read.
func readReadiness(path string) (readiness, error) {
	var ready readiness
	if path == "" {
		return ready, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return readiness{}, fmt.Errorf("reading ready file: %w", err)
	}
	if err := json.Unmarshal(data, &ready); err != nil {
		return readiness{}, fmt.Errorf("reading ready file %s: %w", path, err)
	}
	return ready, nil
}

// write puts the file in place whole, readable by its owner alone since it holds the token.
func (r readiness) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing ready file: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return fmt.Errorf("writing ready file: %w", err)
	}
	defer os.Remove(temp.Name()) // gone already when the rename succeeded
	if _, err := temp.Write(append(data, '\n')); err != nil {
		temp.Close()
		return fmt.Errorf("writing ready file: %w", err)
	}
	if err := temp.Close(); err != nil {
		return fmt.Errorf("writing ready file: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("writing ready file: %w", err)
	}
	return nil
}
