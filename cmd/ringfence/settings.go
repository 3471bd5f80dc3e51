package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringfence.dev/ringfence/internal/config"
)

// settingsFlags are the flags that make a configuration: a file, and what overrides it.
type settingsFlags struct {
	file   string
	values map[string]*string
}

// overrides lists the flags that replace one key of the file.
var overrides = []struct {
	flag, usage string
	key         func(*config.Config) *string
}{
	{"data-dir", "directory for the store, the API token and the decision log", func(c *config.Config) *string { return &c.DataDir }},
	{"listen-gateway", "host:port where Envoy takes agent traffic; port 0 takes a free one", func(c *config.Config) *string { return &c.Listen.Gateway }},
	{"listen-api", "host:port of the registry's REST API; port 0 takes a free one", func(c *config.Config) *string { return &c.Listen.API }},
	{"listen-grpc", "host:port of ext_authz, ext_proc and xDS; port 0 takes a free one", func(c *config.Config) *string { return &c.Listen.GRPC }},
	{"listen-cards", "host:port from which Envoy fetches agent cards; port 0 takes a free one", func(c *config.Config) *string { return &c.Listen.Cards }},
	{"listen-envoy-admin", "host:port of Envoy's admin interface; port 0 takes a free one", func(c *config.Config) *string { return &c.Listen.EnvoyAdmin }},
	{"log-level", "debug, info, warn or error", func(c *config.Config) *string { return &c.Log.Level }},
}

func (f *settingsFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "config", "", "configuration file (YAML); without one the defaults hold")
	defaults := config.Default()
	f.values = map[string]*string{}
	for _, o := range overrides {
		f.values[o.flag] = flags.String(o.flag, *o.key(&defaults), o.usage)
	}
}

// load reads the file, lays the flags that were given over it, and validates the whole.
func (f *settingsFlags) load(cmd *cobra.Command) (config.Config, error) {
	c := config.Default()
	if f.file != "" {
		var err error
		if c, err = config.Load(f.file); err != nil {
			return config.Config{}, err
		}
	}
	for _, o := range overrides {
		if cmd.Flags().Changed(o.flag) {
			*o.key(&c) = *f.values[o.flag]
		}
	}
	if err := c.Validate(); err != nil {
		return config.Config{}, fmt.Errorf("checking configuration:\n%w", err)
	}
	return c, nil
}

// compile reads the rules and keys that the configuration leads to, and reports every problem.
func compile(c config.Config) error {
	rules := checkContent(c.Content)
	_, cards := newCardPolicy(c)
	var key error
	if c.Cards.KeyFile != "" {
		_, key = configuredCardKey(c.Cards.KeyFile)
	}
	_, callbacks := newCallbacks(c, &listeners{})
	return errors.Join(rules, cards, key, callbacks)
}

func checkCommand() *cobra.Command {
	var settings settingsFlags
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Validate a configuration file and report every problem",
		Example: `  ringfence check --config ringfence.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings.load(cmd)
			if err != nil {
				return err
			}
			if err := compile(c); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid")
			return nil
		},
	}
	settings.register(cmd.Flags())
	return cmd
}
