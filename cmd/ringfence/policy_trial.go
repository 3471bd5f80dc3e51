package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

// policyTrial judges documents on this machine, against the agents of a file or of a mesh.
type policyTrial struct {
	api    apiFlags
	agents string
}

func (p *policyTrial) register(flags *pflag.FlagSet) {
	p.api.register(flags)
	flags.StringVar(&p.agents, "agents", "", "YAML file with the agents there are: a list of names, or a mapping of names to owners (default: the agents of the mesh, if one is named)")
}

// online reports whether a mesh is named.
func (p *policyTrial) online() bool {
	return p.api.api != "" || p.api.ready != "" || os.Getenv("RINGFENCE_API") != ""
}

// known returns the agents that documents may name. Where neither a file nor a mesh says which there are, all may be.
func (p *policyTrial) known(ctx context.Context) (policy.Agents, error) {
	switch {
	case p.agents != "":
		return readAgents(p.agents)
	case p.online():
		c, err := p.api.client()
		if err != nil {
			return nil, err
		}
		return fetchAgents(ctx, c)
	}
	return rulebook.AnyAgents{}, nil
}

// read returns the documents of the paths, and the agents they may name. Without paths, they are those in force, where that
// is asked for.
func (p *policyTrial) read(cmd *cobra.Command, paths []string, inForce bool) ([]*policy.Document, policy.Agents, error) {
	if len(paths) == 0 && inForce {
		c, err := p.api.client()
		if err != nil {
			return nil, nil, err
		}
		documents, err := fetchInForce(cmd.Context(), c)
		return documents, rulebook.AnyAgents{}, err // what is in force has been judged
	}
	agents, err := p.known(cmd.Context())
	if err != nil {
		return nil, nil, err
	}
	documents, problems := readPolicies(cmd.InOrStdin(), paths)
	if len(problems) > 0 {
		return nil, nil, refusedBy(cmd.ErrOrStderr(), problems)
	}
	return documents, agents, nil
}

// readPolicies returns the documents of files and directories; - is standard input.
func readPolicies(stdin io.Reader, paths []string) ([]*policy.Document, []policy.Problem) {
	var files []string
	var documents []*policy.Document
	var problems []policy.Problem
	for _, path := range paths {
		if path != "-" {
			files = append(files, path)
			continue
		}
		data, err := io.ReadAll(io.LimitReader(stdin, policy.MaxFile+1))
		if err != nil {
			problems = append(problems, policy.Problem{File: path, Reason: "standard input cannot be read: " + err.Error()})
			continue
		}
		read, refused := policy.Parse(path, data)
		documents, problems = append(documents, read...), append(problems, refused...)
	}
	read, refused := rulebook.Read(now(), files...)
	return append(documents, read...), append(problems, refused...)
}

// readAgents reads the names of agents, alone or with their owners.
func readAgents(path string) (rulebook.NamedAgents, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading agents: %w", err)
	}
	owners := map[string]string{}
	if err := yaml.Unmarshal(data, &owners); err != nil {
		var names []string
		if yaml.Unmarshal(data, &names) != nil {
			return nil, fmt.Errorf("reading agents: %s is neither a list of names nor a mapping of names to owners", path)
		}
		for _, name := range names {
			owners[name] = ""
		}
	}
	agents := rulebook.NamedAgents{}
	for name, owner := range owners {
		id, err := agent.ParseID(name)
		if err != nil {
			return nil, fmt.Errorf("reading agents: %q in %s: %w", name, path, err)
		}
		agents[id] = agent.Owner(owner)
	}
	return agents, nil
}

func policyTestCommand() *cobra.Command {
	var trial policyTrial
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "test PATH...",
		Short: "Judge policies on this machine, and run their own tests",
		Long: `Judge the policies of files and of directories on this machine as a mesh would, and run the tests that they bring along.
The exit code is 1 if a test fails or anything would be refused.

Whether the agents exist that policies name is told with --agents, or by the mesh that --api or --ready-file names; without
any of them it is not checked.`,
		Example: `  ringfence policy test policies/
  ringfence policy test --agents agents.yaml guard.yaml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			agents, err := trial.known(cmd.Context())
			if err != nil {
				return err
			}
			documents, problems := readPolicies(cmd.InOrStdin(), args)
			report := reportOn(documents, problems, agents)
			if err := output.print(cmd.OutOrStdout(), report, report.print); err != nil {
				return err
			}
			if report.Policies == 0 && report.OK {
				return errors.New("there are no policies to judge")
			}
			if !report.OK {
				return errors.New("the policies are refused")
			}
			return nil
		},
	}
	trial.register(cmd.Flags())
	output.register(cmd.Flags())
	return cmd
}
