// Command agent is a sample A2A agent on the official Go SDK. It knows nothing of Ringfence: it serves its card
// and answers in JSON-RPC and HTTP+JSON on one port.
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
)

func main() {
	kind := flag.String("kind", "weather", "what the agent does: weather, ledger or concierge")
	listen := flag.String("listen", "127.0.0.1:0", "host:port to listen on; port 0 takes a free one")
	url := flag.String("url", "", "URL the card gives (default: derived from --listen)")
	flag.Parse()
	if err := run(*kind, *listen, *url); err != nil {
		log.Fatal(err)
	}
}

func run(kind, listen, url string) error {
	trade, ok := trades[kind]
	if !ok {
		return fmt.Errorf("--kind must be weather, ledger or concierge, not %q", kind)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if url == "" {
		url = "http://" + listener.Addr().String()
	}
	handler := a2asrv.NewHandler(trade)
	mux := http.NewServeMux()
	mux.Handle(a2asrv.WellKnownAgentCardPath, a2asrv.NewStaticAgentCardHandler(trade.card(url)))
	mux.Handle("/rpc", a2asrv.NewJSONRPCHandler(handler))
	mux.Handle("/rest/", http.StripPrefix("/rest", a2asrv.NewRESTHandler(handler)))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		// Streams that are still open are not waited for: a sample may go at once.
		_ = server.Close()
	}()
	// Whoever started the agent reads its address from the first line.
	fmt.Println(url)
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// trade is what one kind of agent is and says.
type trade struct {
	name, description string
	skill             a2a.AgentSkill
	steps             []string
	answer            func(text string) string
}

var trades = map[string]trade{
	"weather": {
		name:        "Weather",
		description: "Forecasts the weather of a city.",
		skill:       a2a.AgentSkill{ID: "forecast", Name: "Forecast", Description: "Tells tomorrow's weather.", Tags: []string{"weather"}},
		steps:       []string{"looking at the clouds", "reading the barometer"},
		answer:      func(string) string { return "Tomorrow: 21 °C, light rain in the afternoon." },
	},
	"ledger": {
		name:        "Ledger",
		description: "Books transfers between accounts.",
		skill:       a2a.AgentSkill{ID: "transfer", Name: "Transfer", Description: "Moves an amount between accounts.", Tags: []string{"money", "write"}},
		steps:       []string{"checking the balance", "booking the transfer"},
		answer:      func(text string) string { return "Booked: " + text },
	},
	"concierge": {
		name:        "Concierge",
		description: "Plans a day out with the help of other agents.",
		skill:       a2a.AgentSkill{ID: "plan", Name: "Plan", Description: "Plans a day.", Tags: []string{"planning"}},
		steps:       []string{"asking around"},
		answer:      func(text string) string { return "A plan for: " + text },
	},
}

func (t trade) card(url string) *a2a.AgentCard {
	return &a2a.AgentCard{
		Name:               t.name,
		Description:        t.description,
		Version:            "1.0.0",
		Capabilities:       a2a.AgentCapabilities{Streaming: true},
		DefaultInputModes:  []string{"text/plain"},
		DefaultOutputModes: []string{"text/plain"},
		Skills:             []a2a.AgentSkill{t.skill},
		SupportedInterfaces: []*a2a.AgentInterface{
			a2a.NewAgentInterface(url+"/rpc", a2a.TransportProtocolJSONRPC),
			a2a.NewAgentInterface(url+"/rest", a2a.TransportProtocolHTTPJSON),
		},
	}
}

// Execute works through the trade's steps as task updates, then completes with the answer.
func (t trade) Execute(_ context.Context, x *a2asrv.ExecutorContext) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		if x.StoredTask == nil && !yield(a2a.NewSubmittedTask(x, x.Message), nil) {
			return
		}
		for _, step := range t.steps {
			note := a2a.NewMessageForTask(a2a.MessageRoleAgent, x, a2a.NewTextPart(step))
			if !yield(a2a.NewStatusUpdateEvent(x, a2a.TaskStateWorking, note), nil) {
				return
			}
		}
		if !yield(a2a.NewArtifactEvent(x, a2a.NewTextPart(t.answer(said(x.Message)))), nil) {
			return
		}
		yield(a2a.NewStatusUpdateEvent(x, a2a.TaskStateCompleted, nil), nil)
	}
}

// Cancel ends the task as asked.
func (t trade) Cancel(_ context.Context, x *a2asrv.ExecutorContext) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		yield(a2a.NewStatusUpdateEvent(x, a2a.TaskStateCanceled, nil), nil)
	}
}

func said(m *a2a.Message) string {
	var texts []string
	for _, part := range m.Parts {
		if text := part.Text(); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
