package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/inspect"
)

// errLines is that of input of which a part could not be judged; the exit code is 2.
var errLines = errors.New("not judged")

// scanFlags say what is judged, by which rules, and what is printed.
type scanFlags struct {
	kind, failOn, config string
	ring                 int
	rules                []string
	lines                bool
}

func scanCommand() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:     "scan [FILE]",
		Short:   "Judge texts as the mesh judges those of messages",
		Example: `  ringfence scan --jsonl --kind response answers.jsonl`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.lines, "jsonl", false, `the input has a JSON object {"text": …} a line, and one is answered to each`)
	flags.StringVar(&f.kind, "kind", "request", "what the text stands in: request, response or card")
	flags.IntVar(&f.ring, "ring", 3, "ring in which its sender acts, 0 to 3")
	flags.StringArrayVar(&f.rules, "rules", nil, "directory with further rules; can be given again")
	flags.StringVar(&f.config, "config", "", "configuration file (YAML) whose content rules hold")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 1 when a verdict is this or lets less through: block, redact or flag")
	return cmd
}

func (f *scanFlags) run(cmd *cobra.Command, args []string) error {
	side, err := f.side()
	if err != nil {
		return err
	}
	judge, err := f.judge()
	if err != nil {
		return err
	}
	in := cmd.InOrStdin()
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("reading texts: %w", err)
		}
		defer file.Close()
		in = file
	}
	if !f.lines {
		return fmt.Errorf("give --jsonl: %w", errUsage)
	}
	return f.scanLines(judge, side, in, cmd.OutOrStdout())
}

func (f *scanFlags) side() (scanSide, error) {
	direction, ok := inspect.ParseDirection(f.kind)
	if !ok {
		return scanSide{}, fmt.Errorf("--kind is request, response or card: %w", errUsage)
	}
	ring, err := agent.RingFromNumber(f.ring)
	if err != nil {
		return scanSide{}, fmt.Errorf("--ring: %w: %w", err, errUsage)
	}
	if _, ok := inspect.ParseAction(f.failOn); !ok && f.failOn != "" {
		return scanSide{}, fmt.Errorf("--fail-on is block, redact or flag: %w", errUsage)
	}
	return scanSide{direction, ring}, nil
}

func (f *scanFlags) judge() (scanJudge, error) {
	c := config.Default()
	if f.config != "" {
		var err error
		if c, err = config.Load(f.config); err != nil {
			return scanJudge{}, err
		}
	}
	return newScanJudge(c.Content, f.rules)
}

// ruleLayers returns the shipped rules and those of the directories, in the order in which they replace each other. The
// first directory may be empty for none.
func ruleLayers(configured string, dirs []string) ([]fs.FS, error) {
	layers := []fs.FS{inspect.Builtin()}
	if configured != "" {
		dirs = append([]string{configured}, dirs...)
	}
	for _, dir := range dirs {
		if err := isDirectory(dir); err != nil {
			return nil, err
		}
		layers = append(layers, os.DirFS(dir))
	}
	return layers, nil
}

func (f *scanFlags) scanLines(judge scanJudge, side scanSide, in io.Reader, out io.Writer) error {
	s := lineScan{judge: judge, side: side}
	if err := s.run(in, out); err != nil {
		return err
	}
	if s.tally.refused > 0 {
		return fmt.Errorf("%s %w", counted(s.tally.refused, "line was", "lines were"), errLines)
	}
	return f.fails(s.tally)
}

// fails returns the error that the flag --fail-on asks for.
func (f *scanFlags) fails(t scanTally) error {
	if f.failOn == "" {
		return nil
	}
	action, _ := inspect.ParseAction(f.failOn)
	if n := t.orWorse(action); n > 0 {
		return fmt.Errorf("%d of %s fail on %s", n, counted(t.texts, "text", "texts"), f.failOn)
	}
	return nil
}
