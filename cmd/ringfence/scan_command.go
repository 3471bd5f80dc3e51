package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/inspect"
)

var (
	// errUnread is that of input of which a part could not be judged; the exit code is 2.
	errUnread = errors.New("could not be judged")
	errFails  = errors.New("fails on")
)

// scanFlags say what is judged, by which rules, and what is printed.
type scanFlags struct {
	kind, failOn, config  string
	ring                  int
	rules                 []string
	lines, json, redacted bool
	output                outputFlag
}

func scanCommand() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan [FILE]",
		Short: "Judge a text, a document or many texts as the mesh judges those of messages",
		Long: `Judge what FILE or standard input holds by the content rules, and say what would become of a message with it: block, redact,
flag or allow. Nothing is sent anywhere.

All of it is one text. With --json it is a JSON document instead, of which each string and each name of a member is judged,
each alone and what is said in them together; a message of A2A is read as one, and findings tell the place as a JSON
Pointer. With --jsonl each line is an object {"text": …}, and is answered by one line, at once and in order:

  {"verdict":"block","findings":[{"rule":…,"class":…,"severity":…,"action":…,"span":[0,32],"view":"text"}]}

A line may say more: kind and ring as the flags of these names do, place (text, name, media, url, callback, bytes, secret, id or
free) and key (true for the name of a member), and id, which the answer repeats. Empty lines are passed over. A line that
cannot be judged is answered by {"error": …}, and the exit code is 2 in the end. Spans are offsets in bytes of UTF-8; what
is no Unicode in a line counts as U+FFFD.`,
		Example: `  ringfence scan prompt.txt
  ringfence scan --json --kind response answer.json -o json
  ringfence scan --jsonl --fail-on block texts.jsonl
  echo "The key is AKIA…" | ringfence scan --kind response --redacted`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "the input is a JSON document")
	flags.BoolVar(&f.lines, "jsonl", false, "the input has a JSON object with a text a line, and so has the output")
	flags.StringVar(&f.kind, "kind", inspect.Request.String(), "what the texts stand in: request, response or card")
	flags.IntVar(&f.ring, "ring", agent.Untrusted.Number(), "ring in which their sender acts, 0 to 3")
	flags.StringArrayVar(&f.rules, "rules", nil, "directory with rules beside those that ship; can be given again")
	flags.StringVar(&f.config, "config", "", "configuration file (YAML) whose content rules hold")
	flags.BoolVar(&f.redacted, "redacted", false, "print what is left of the input once it is redacted; what is blocked is not printed")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 1 on a verdict that is this or lets less through: block, redact or flag")
	f.output.register(flags)
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
			return fmt.Errorf("reading what to judge: %w", err)
		}
		defer file.Close()
		in = file
	}
	if f.lines {
		return f.scanLines(judge, side, in, cmd.OutOrStdout())
	}
	data, err := io.ReadAll(io.LimitReader(in, maxScanned+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading what to judge: %w", err)
	case len(data) > maxScanned:
		return fmt.Errorf("the input is larger than %d bytes and %w", maxScanned, errUnread)
	case f.json:
		return f.scanDocument(judge, side, data, cmd.OutOrStdout())
	}
	return f.scanText(judge, side, string(data), cmd.OutOrStdout())
}

// side checks the flags that say how texts are judged.
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
	if f.lines && f.json {
		return scanSide{}, fmt.Errorf("the input is --json or --jsonl, not both: %w", errUsage)
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
		if err := c.Validate(); err != nil {
			return scanJudge{}, fmt.Errorf("checking configuration:\n%w", err)
		}
	}
	return newScanJudge(c.Content, f.rules)
}

func (f *scanFlags) scanLines(judge scanJudge, side scanSide, in io.Reader, out io.Writer) error {
	s := lineScan{judge: judge, side: side, redacted: f.redacted}
	if err := s.run(in, out); err != nil {
		return err
	}
	if s.tally.refused > 0 {
		return fmt.Errorf("%s %w", counted(s.tally.refused, "line", "lines"), errUnread)
	}
	return f.fails(s.tally)
}

func (f *scanFlags) scanText(judge scanJudge, side scanSide, text string, out io.Writer) error {
	texts := []a2a.Text{{Value: text, Kind: a2a.KindText}}
	v := judge.judge(texts, side)
	return f.answer(v, out, func() ([]byte, error) {
		left, ok := judge.redacted(&v, texts, side)
		if !ok {
			return nil, a2a.ErrUnredactable
		}
		return []byte(left), nil
	})
}

func (f *scanFlags) scanDocument(judge scanJudge, side scanSide, data []byte, out io.Writer) error {
	doc, err := readDocument(bytes.TrimPrefix(data, []byte(byteOrderMark)), side.direction)
	if err != nil {
		return fmt.Errorf("the document %w: %w", errUnread, err)
	}
	v := doc.judge(judge, side)
	return f.answer(v, out, func() ([]byte, error) {
		if v.action != inspect.Redact {
			return doc.redact(nil)
		}
		words, ok := inspect.Cleaned(doc.texts, v.cuts, func(left []a2a.Text) ([]inspect.Finding, bool) {
			rest := doc
			rest.texts = left
			w := rest.judge(judge, side)
			return w.left()
		})
		if !ok {
			return nil, a2a.ErrUnredactable
		}
		return doc.redact(words)
	})
}

// answer prints the verdict, or what is left of the input.
func (f *scanFlags) answer(v scanVerdict, out io.Writer, left func() ([]byte, error)) error {
	tally := scanTally{texts: 1}
	tally.verdicts[v.action]++
	if !f.redacted {
		if err := f.output.print(out, &v, v.print); err != nil {
			return err
		}
		return f.fails(tally)
	}
	if v.action == inspect.Block {
		return fmt.Errorf("what is blocked is not printed: %s", v.blocking())
	}
	data, err := left()
	if err != nil {
		return fmt.Errorf("redacting: %w", err)
	}
	if _, err := out.Write(data); err != nil {
		return fmt.Errorf("printing what is left: %w", err)
	}
	return f.fails(tally)
}

// fails returns the error that --fail-on asks for.
func (f *scanFlags) fails(t scanTally) error {
	if f.failOn == "" {
		return nil
	}
	action, _ := inspect.ParseAction(f.failOn)
	if n := t.orWorse(action); n > 0 {
		return fmt.Errorf("%d of %s %w %s", n, counted(t.texts, "text", "texts"), errFails, f.failOn)
	}
	return nil
}
