package did

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"ringfence.dev/ringfence/internal/network"
)

// fetchTimeout bounds the fetch of one document, from the look-up of the name to the last byte.
const fetchTimeout = 3 * time.Second

// Outcome says what became of an attempt to have a document.
type Outcome string

// The outcomes. Only Fetched changes which document is in force.
const (
	Fetched   Outcome = "fetched"   // it is new and is in force now
	Unchanged Outcome = "unchanged" // it is the one in force
	Held      Outcome = "held"      // it breaks with the one in force and waits for a person
	Withdrawn Outcome = "withdrawn" // its host says that there is none, or it has no key left
	Refused   Outcome = "refused"   // what came, or where it would have come from, is not accepted
	Failed    Outcome = "failed"    // it could not be had
)

// ResolveError says why there is no document.
type ResolveError struct {
	// Outcome is Withdrawn, Refused or Failed.
	Outcome Outcome
	// Problem is a sentence about the document for the administrator. It repeats nothing that the host sent.
	Problem string
}

// Error returns the problem.
func (e *ResolveError) Error() string { return e.Problem }

func refused(problem string) error   { return &ResolveError{Refused, problem} }
func withdrawn(problem string) error { return &ResolveError{Withdrawn, problem} }
func failed(problem string) error    { return &ResolveError{Failed, problem} }

// FetchConfig says what a Fetcher may connect to. The zero value lets it connect to nothing.
type FetchConfig struct {
	// Hosts are those whose documents may be fetched.
	Hosts Hosts
	// AllowedNetworks may be connected to although their addresses are not public. Empty allows none.
	AllowedNetworks []netip.Prefix
	// Resolver looks up host names; nil is the system's.
	Resolver *net.Resolver
	// Roots are the authorities whose certificates count; nil is the system's.
	Roots *x509.CertPool
}

// Fetcher fetches documents over HTTPS. It connects to public addresses and allowed networks alone, judging the
// address that a name resolved to at the moment of connecting, and follows no redirects and no proxies.
type Fetcher struct {
	hosts   Hosts
	client  http.Client
	timeout time.Duration
}

var _ Resolver = (*Fetcher)(nil)

// NewFetcher returns a Fetcher.
func NewFetcher(config FetchConfig) *Fetcher {
	dialer := net.Dialer{Resolver: config.Resolver, Control: network.Guard(config.AllowedNetworks)}
	return &Fetcher{hosts: config.Hosts, timeout: fetchTimeout, client: http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: config.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true, // each fetch is judged anew
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Resolve fetches the document of a DID and reads it. Every error is a *ResolveError. A host that has no document any
// more has deactivated the DID (did:web method, section 2.5.4).
func (f *Fetcher) Resolve(ctx context.Context, web Web) (Document, error) {
	if !f.hosts.Allow(web) {
		return Document{}, refused(unlisted)
	}
	raw, err := f.get(ctx, web.URL())
	if err != nil {
		return Document{}, err
	}
	document, err := ParseDocument(raw, web.String())
	switch {
	case errors.Is(err, ErrNoKey):
		return Document{}, withdrawn("the document " + err.Error())
	case err != nil:
		return Document{}, refused("the document " + err.Error())
	}
	return document, nil
}

// unlisted says that the operator did not list the host of a DID.
const unlisted = "the host is not among those of identity.web.hosts"

func (f *Fetcher) get(ctx context.Context, place string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, refused("the DID leads to no URL that can be fetched")
	}
	request.Header.Set("Accept", "application/did+json, application/json")
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "ringfence")
	response, err := f.client.Do(request)
	if err != nil {
		return nil, transportProblem(err)
	}
	defer response.Body.Close()
	switch encoding := response.Header.Get("Content-Encoding"); {
	case response.StatusCode == http.StatusNotFound, response.StatusCode == http.StatusGone:
		return nil, withdrawn(fmt.Sprintf("the host has no document: it answers with status %d", response.StatusCode))
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return nil, refused("the host redirects, which is not followed")
	case response.StatusCode != http.StatusOK:
		return nil, failed(fmt.Sprintf("the host answers with status %d", response.StatusCode))
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return nil, refused("the host answers with a content encoding that was not asked for")
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, MaxDocument+1))
	// While a connection is being closed for want of time, the host may still seem to end its answer as it should.
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return nil, transportProblem(err)
	}
	return raw, nil
}

// transportProblem says why a request got no whole answer. The texts of errors are not passed on where they may hold
// what the host sent.
func transportProblem(err error) error {
	var forbidden *network.ForbiddenError
	var timeout interface{ Timeout() bool }
	var lookup *net.DNSError
	var certificate *tls.CertificateVerificationError
	var system syscall.Errno
	switch {
	case errors.As(err, &forbidden):
		return refused(fmt.Sprintf("the host cannot be reached: %s; to allow it, add its network to identity.web.allowedNetworks", forbidden))
	case errors.As(err, &timeout) && timeout.Timeout():
		return failed(fmt.Sprintf("the host did not answer within %s", fetchTimeout))
	case errors.As(err, &lookup):
		return failed("the host cannot be reached: its name was not resolved")
	case errors.As(err, &certificate):
		return failed("the host cannot be reached: its certificate is not one that counts for its name")
	case errors.As(err, &system):
		return failed("the host cannot be reached: " + system.Error())
	}
	return failed("the host did not give a whole answer over HTTPS")
}
