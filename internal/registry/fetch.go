package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/network"
)

// fetchTimeout bounds the fetch of one card, all attempts together.
const fetchTimeout = 5 * time.Second

// CardFetcher finds the AgentCard that a URL leads to.
type CardFetcher interface {
	// FetchCard returns the card, or that it is still the one that known was about. The error is one sentence for
	// each problem, fit for the administrator.
	FetchCard(ctx context.Context, cardURL string, known CardVersion) (FetchedCard, error)
	// FetchKeySet returns the JWK set at a URL, which the caller has found fit to be believed.
	FetchKeySet(ctx context.Context, setURL string) ([]byte, error)
}

// CardVersion names what a server sent, so that it need not send it again. The zero value names nothing.
type CardVersion struct {
	// URL is where the card was in the end.
	URL string
	// Tag is its entity tag, with its quotes.
	Tag string
}

// FetchedCard is what a fetch found.
type FetchedCard struct {
	// Card is empty when Unchanged says that it is still the known one.
	Card      agent.Card
	Unchanged bool
	Version   CardVersion
}

// FetchConfig says where a Fetcher may connect to.
type FetchConfig struct {
	// AllowedNetworks may be connected to although their addresses are not public. Empty allows none.
	AllowedNetworks []netip.Prefix
	// Resolver looks up host names; nil is the system's.
	Resolver *net.Resolver
}

// Fetcher fetches cards over HTTP. It connects to public addresses and allowed networks alone, judging the
// address that a name resolved to at the moment of connecting, and follows no redirects and no proxies.
type Fetcher struct {
	client http.Client
}

var _ CardFetcher = (*Fetcher)(nil)

// NewFetcher returns a Fetcher.
func NewFetcher(config FetchConfig) *Fetcher {
	dialer := net.Dialer{
		Resolver: config.Resolver,
		Control:  network.Guard(config.AllowedNetworks),
	}
	return &Fetcher{client: http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 32 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// FetchCard gets the card at cardURL or, when there is none, at the well-known path below it and at the origin.
func (f *Fetcher) FetchCard(ctx context.Context, cardURL string, known CardVersion) (FetchedCard, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var problems []error
	urls := candidates(cardURL)
	if i := slices.Index(urls, known.URL); i > 0 {
		urls[0], urls[i] = urls[i], urls[0] // where it was, it most likely is
	}
	for _, candidate := range urls {
		tag := ""
		if candidate == known.URL {
			tag = known.Tag
		}
		sent, err := f.get(ctx, candidate, tag)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s %w", candidate, err))
			var answered *answerError
			if errors.As(err, &answered) {
				continue
			}
			break // an unreachable host stays unreachable under another path
		}
		if sent.unchanged {
			return FetchedCard{Unchanged: true, Version: known}, nil
		}
		card, err := agent.ParseCard(sent.body)
		if err == nil {
			return FetchedCard{Card: card, Version: CardVersion{URL: candidate, Tag: sent.tag}}, nil
		}
		problems = append(problems, cardProblem(candidate, err))
	}
	return FetchedCard{}, errors.Join(problems...)
}

// FetchKeySet gets the key set at a URL.
func (f *Fetcher) FetchKeySet(ctx context.Context, setURL string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	sent, err := f.get(ctx, setURL, "")
	if err != nil {
		return nil, fmt.Errorf("%s %w", setURL, err)
	}
	return sent.body, nil
}

// cardProblem says in one sentence what is wrong with a card, however many fields are.
func cardProblem(where string, err error) error {
	fields := agent.FieldErrors(err)
	if len(fields) == 0 {
		return fmt.Errorf("%s is no AgentCard", where)
	}
	const shown = 3
	var parts []string
	for _, field := range fields[:min(len(fields), shown)] {
		parts = append(parts, field.Path+" "+field.Problem)
	}
	if more := len(fields) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%s is no AgentCard: %s", where, strings.Join(parts, "; "))
}

// answerError is an answer that is not a card, from a host that does answer.
type answerError struct {
	problem string
}

func (e *answerError) Error() string { return e.problem }

// answer is what a server sent.
type answer struct {
	body      []byte
	tag       string
	unchanged bool // it still has the tag that was asked about
}

// maxTag bounds the entity tags that are sent back, in bytes.
const maxTag = 256

func (f *Fetcher) get(ctx context.Context, place, tag string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return answer{}, errors.New("is not a URL that can be fetched")
	}
	if tag != "" {
		request.Header.Set("If-None-Match", tag)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "ringfence")
	response, err := f.client.Do(request)
	if err != nil {
		return answer{}, transportProblem(err)
	}
	defer response.Body.Close()
	switch encoding := response.Header.Get("Content-Encoding"); {
	case tag != "" && response.StatusCode == http.StatusNotModified:
		return answer{unchanged: true}, nil
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return answer{}, &answerError{"redirects, which is not followed: give the final URL"}
	case response.StatusCode != http.StatusOK:
		return answer{}, &answerError{fmt.Sprintf("answers with status %d", response.StatusCode)}
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return answer{}, &answerError{"answers with a content encoding that was not asked for"}
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, agent.MaxCardBytes+1))
	if err == nil {
		err = ctx.Err() // an answer that is cut short by the deadline may look like one that ended
	}
	if err != nil {
		return answer{}, transportProblem(err)
	}
	if len(raw) > agent.MaxCardBytes {
		return answer{}, &answerError{fmt.Sprintf("answers with more than %d bytes", agent.MaxCardBytes)}
	}
	sent := answer{body: raw, tag: response.Header.Get("ETag")}
	if len(sent.tag) > maxTag {
		sent.tag = ""
	}
	return sent, nil
}

// transportProblem completes the sentence "URL …" for a request that got no answer.
func transportProblem(err error) error {
	var denied *network.ForbiddenError
	var timeout interface{ Timeout() bool }
	var wrapped *url.Error
	switch {
	case errors.As(err, &denied):
		return fmt.Errorf("cannot be fetched: %w", &deniedError{denied.Addr})
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("did not answer within %s", fetchTimeout)
	case errors.As(err, &wrapped):
		return fmt.Errorf("cannot be fetched: %w", wrapped.Err)
	}
	return fmt.Errorf("cannot be fetched: %w", err)
}

// checkCardURL returns an error unless s is a URL that may be fetched. A query is allowed.
func checkCardURL(s string) error {
	place, _, _ := strings.Cut(s, "?")
	if len(s) > 2048 {
		return errors.New("must have at most 2048 bytes")
	}
	if _, err := url.Parse(s); err != nil || strings.ContainsRune(s, '#') {
		return errors.New("must be an absolute http or https URL without a fragment")
	}
	return agent.CheckURL(place)
}

// candidates are the URLs under which the card may be found, in the order to try them (A2A 1.0 section 8.2 puts
// it at the origin; SDKs append the well-known path to a base path too).
func candidates(cardURL string) []string {
	u, err := url.Parse(cardURL)
	if err != nil || u.RawQuery != "" || strings.HasSuffix(u.Path, ".json") {
		return []string{cardURL}
	}
	base := strings.TrimSuffix(cardURL, "/")
	urls := []string{cardURL, base + agent.CardPath}
	if u.Path != "" && u.Path != "/" {
		urls = append(urls, u.Scheme+"://"+u.Host+agent.CardPath)
	}
	return urls
}
