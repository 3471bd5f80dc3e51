// Command ringfence governs Agent2Agent traffic on stock Envoy: it serves the policy decisions and the
// configuration Envoy asks for, starts Envoy where none runs yet, and has the tools to register agents, give
// them identities and call them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/envoy"
)

// version is set by the linker for releases.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ringfence:", err)
		os.Exit(exitCode(err))
	}
}

// exitCode is 2 for a command line or an input that cannot be understood and 1 for everything else, as shells expect.
func exitCode(err error) int {
	if errors.Is(err, errUsage) || errors.Is(err, errUnread) {
		return 2
	}
	return 1
}

var errUsage = errors.New("see --help")

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ringfence",
		Short: "Governs Agent2Agent traffic on stock Envoy",
		Long: `Ringfence checks every call between A2A agents: who calls, with what rights, saying what.

Start a mesh on this machine, Envoy included:
  ringfence up

Give an agent an identity, register it, and call another agent through the mesh:
  ringfence identity new --out concierge.pem
  ringfence register concierge --card-url http://127.0.0.1:9001 --key concierge.pem --ring-ceiling 2
  ringfence call --key concierge.pem http://127.0.0.1:10000/agents/weather "Will it rain in Paris?"`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %s (%w)", err, c.CommandPath(), errUsage)
	})
	cmd.AddCommand(upCommand(), serveCommand(), registerCommand(), identityCommand(), keysCommand(), didsCommand(), signCommand(), proxyCommand(),
		callCommand(), delegateCommand(), gateCommand(), verifyCommand(), explainCommand(), policyCommand(), scanCommand(), rulesCommand(), approvalsCommand(), cardsCommand(), tasksCommand(), trustCommand(), killCommand(),
		readyCommand(), checkCommand(), versionCommand())
	cmd.AddCommand(statusCommands()...)
	cmd.CompletionOptions.HiddenDefaultCmd = true
	checkArguments(cmd)
	return cmd
}

// checkArguments has all commands below one answer wrong arguments with how they are used: a count alone does not say
// what is missing.
func checkArguments(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if check := c.Args; check != nil {
			c.Args = func(c *cobra.Command, args []string) error {
				if err := check(c, args); err != nil {
					return fmt.Errorf("%w; usage: %s (%w)", err, c.UseLine(), errUsage)
				}
				return nil
			}
		}
		checkArguments(c)
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Ringfence, Go and the Envoy it is tested with",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "ringfence %s\n%s\nenvoy %s\n", release(), goVersion(), envoy.Version)
		},
	}
}

func release() string {
	info, ok := debug.ReadBuildInfo()
	if version != "devel" || !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return version
	}
	return info.Main.Version
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "go unknown"
}
