package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2aclient/agentcard"
	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/identity"
)

type callFlags struct {
	key, keyID, task string
	message          string
	delegation, gate string
	stream, get      bool
	timeout          time.Duration
}

func callCommand() *cobra.Command {
	var f callFlags
	cmd := &cobra.Command{
		Use:   "call AGENT-URL [TEXT]",
		Short: "Call an agent through the mesh, signing as an agent",
		Long: `Resolve an agent's card at its mesh URL and send it a message with the official A2A client, every request signed
with the key of --key. Answers are printed as JSON, one event a line with --stream. A refusal
of the mesh is printed with the id of its decision, which /v1/decisions/<id> of the API looks up.

A call that waits for people to approve it is printed with the id of its approval and with that of its message. It goes on
when it is repeated with the same --message-id, text and task after they have.`,
		Example: `  ringfence call --key concierge.pem http://127.0.0.1:10000/agents/weather "Will it rain in Paris?"
  ringfence call --key concierge.pem --stream http://127.0.0.1:10000/agents/weather "Will it rain in Paris?"
  ringfence call --key concierge.pem --message-id rent-may http://127.0.0.1:10000/agents/ledger "Pay the rent"
  ringfence call --key concierge.pem --get --task 7c9e http://127.0.0.1:10000/agents/weather`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.get != (len(args) == 1) {
				return errors.New("give a text to send, or --get with --task to read a task")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
			defer cancel()
			rights, err := f.rights(cmd.InOrStdin())
			if err != nil {
				return err
			}
			agent, err := f.dial(ctx, args[0], rights)
			if err != nil {
				return err
			}
			defer agent.Destroy() //nolint:errcheck // the process ends next
			if f.message == "" {
				f.message = a2a.NewMessageID()
			}
			encoder := json.NewEncoder(cmd.OutOrStdout())
			for event, err := range f.events(ctx, agent, args) {
				if err != nil {
					return f.told(err)
				}
				if err := encoder.Encode(event); err != nil {
					return fmt.Errorf("printing answer: %w", err)
				}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", os.Getenv("RINGFENCE_KEY"), "private key file of the calling agent (default: $RINGFENCE_KEY)")
	flags.StringVar(&f.keyID, "key-id", "", "DID URL of the key (default: its did:key)")
	flags.BoolVar(&f.stream, "stream", false, "ask for a stream of events")
	flags.BoolVar(&f.get, "get", false, "read the task of --task instead of sending")
	flags.StringVar(&f.message, "message-id", "", "id of the message, to repeat one that was approved (default: a new one)")
	flags.StringVar(&f.task, "task", "", "task to continue or to read")
	flags.StringVar(&f.delegation, "delegation", "", "chain of delegation under which to call; @FILE reads a file, @- reads standard input")
	flags.StringVar(&f.gate, "gate", "", "gate through which to call")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long to wait for the whole answer")
	return cmd
}

// told returns what a refusal says, and how to repeat a call that waits for people.
func (f *callFlags) told(err error) error {
	err = told(err)
	if d := (denied{}); errors.As(err, &d) && d.waits && !f.get {
		return fmt.Errorf("%w: repeat it with --message-id %s", err, f.message)
	}
	return err
}

// rights returns the header fields that say with what rights the agent calls.
func (f *callFlags) rights(stdin io.Reader) (http.Header, error) {
	field, err := readDelegation(stdin, f.delegation)
	if err != nil {
		return nil, err
	}
	rights := http.Header{}
	if field != "" {
		rights.Set("Agent-Delegation", field)
	}
	if f.gate != "" {
		rights.Set("Agent-Gate", f.gate)
	}
	return rights, nil
}

// adding adds fields to each request, before anything signs it.
type adding struct {
	fields http.Header
	base   http.RoundTripper
}

func (a adding) RoundTrip(r *http.Request) (*http.Response, error) {
	with := r.Clone(r.Context())
	maps.Copy(with.Header, a.fields)
	return a.base.RoundTrip(with)
}

func (f *callFlags) dial(ctx context.Context, base string, rights http.Header) (*a2aclient.Client, error) {
	s, err := signer(f.key, f.keyID)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("AGENT-URL must be the agent's URL in the mesh, such as http://127.0.0.1:10000/agents/weather")
	}
	// No client timeout: it would end streams. The command's own timeout bounds everything.
	signed := &http.Client{Transport: telling{adding{rights, &identity.Transport{Signer: s, Base: http.DefaultTransport}}}}
	// Cards are for everybody; what the agent may not do is told by the call itself, which says why.
	card, err := agentcard.NewResolver(&http.Client{Transport: telling{http.DefaultTransport}}).Resolve(ctx, base)
	if status := (*agentcard.ErrStatusNotOK)(nil); errors.As(err, &status) && status.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("no agent is registered at %s: %w", base, err)
	}
	if err != nil {
		return nil, fmt.Errorf("resolving the card at %s: %w", base, told(err))
	}
	agent, err := a2aclient.NewFromCard(ctx, card, a2aclient.WithJSONRPCTransport(signed), a2aclient.WithRESTTransport(signed))
	if err != nil {
		return nil, fmt.Errorf("connecting to the agent: %w", err)
	}
	return agent, nil
}

// events returns the answers to whatever the flags ask for, one or many.
func (f *callFlags) events(ctx context.Context, agent *a2aclient.Client, args []string) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		if f.get {
			yield(agent.GetTask(ctx, &a2a.GetTaskRequest{ID: a2a.TaskID(f.task)}))
			return
		}
		message := a2a.NewMessage(a2a.MessageRoleUser, a2a.NewTextPart(args[1]))
		message.ID = f.message
		message.TaskID = a2a.TaskID(f.task)
		request := &a2a.SendMessageRequest{Message: message}
		if !f.stream {
			yield(agent.SendMessage(ctx, request))
			return
		}
		for event, err := range agent.SendStreamingMessage(ctx, request) {
			if !yield(event, err) {
				return
			}
		}
	}
}
