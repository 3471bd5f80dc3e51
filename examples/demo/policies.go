package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// approvers are the people who approve payments in the scenario.
var approvers = []string{"ada", "grace"}

// document returns a policy of the ledger's side about what the concierge asks of it.
func document(name string, rule any) map[string]any {
	return map[string]any{
		"apiVersion": "ringfence.dev/v1", "kind": "Policy", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"party": "callee", "subjects": map[string]any{"agents": []string{"concierge"}}, "targets": map[string]any{"agents": []string{"ledger"}},
			"rules": []any{rule},
		},
	}
}

// under puts a policy in force while steps run.
func (s scenario) under(rule any, steps func(context.Context) (string, string)) func(context.Context) (string, string) {
	return func(ctx context.Context) (string, string) {
		const path = "/v1/policies/demo"
		if err := s.mesh.api(ctx, http.MethodPut, path, document("demo", rule)); err != nil {
			return err.Error(), ""
		}
		got, decision := steps(ctx)
		if err := s.mesh.api(ctx, http.MethodDelete, path, nil); err != nil {
			return err.Error(), decision
		}
		return got, decision
	}
}

// approved has the concierge pay, which waits until two people have approved it, and pays once.
func (s scenario) approved(ctx context.Context) (string, string) {
	request, err := s.request(ctx, "ledger", "500 EUR from A to B")
	if err != nil {
		return err.Error(), ""
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return err.Error(), ""
	}
	decision := ""
	pay := func() string {
		again := request.Clone(ctx)
		again.Body = io.NopCloser(bytes.NewReader(body))
		_, reason, id := s.raw(again, s.concierge)
		if decision = id; reason == "" {
			return "paid"
		}
		return strings.ToLower(strings.TrimPrefix(reason, "APPROVAL_"))
	}
	got := []string{pay()}
	for _, name := range approvers {
		if err := s.mesh.approve(ctx, name); err != nil {
			return err.Error(), decision
		}
		got = append(got, pay())
	}
	return strings.Join(append(got, pay()), ", "), decision
}

// approve has one of the approvers vote for the latest call that waits.
func (m *mesh) approve(ctx context.Context, name string) error {
	out, err := m.ringfence(ctx, "approvals", "list", "--state", "pending", "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Approvals []struct {
			ID string `json:"id"`
		} `json:"approvals"`
	}
	if err := json.Unmarshal(out, &list); err != nil || len(list.Approvals) == 0 {
		return errors.New("no call waits for people")
	}
	_, err = m.ringfence(ctx, "approvals", "approve", list.Approvals[0].ID, "--key", m.keyFile(name))
	return err
}

// ringfence runs one of the commands of the binary against the mesh.
func (m *mesh) ringfence(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(m.bin, "ringfence"), append(args, "--ready-file", m.readyFile())...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running ringfence %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// approverSettings name the people who approve, each with a key of its own.
func (m *mesh) approverSettings(ctx context.Context) (string, error) {
	text := "approvals:\n  approvers:\n"
	for _, name := range approvers {
		did, err := m.newIdentity(ctx, name)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("    - {name: %s, groups: [finance], key: %q}\n", name, did)
	}
	return text, nil
}
