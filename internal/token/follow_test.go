package token

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// following runs Follow in a bubble of its own time, with acme alone, until the test ends.
func following(t *testing.T, run func(t *testing.T, issuers *Issuers, from *source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		from := newSource()
		issuers, err := Compile([]IssuerConfig{acmeConfig()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		start := time.Now()
		source := from.source()
		source.Now = func() time.Time { return noon.Add(time.Since(start)) }
		go func() {
			issuers.Follow(ctx, source)
			close(done)
		}()
		synctest.Wait()
		run(t, issuers, from)
		cancel()
		<-done
	})
}

// wait lets time pass in the bubble.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func reason(issuers *Issuers, raw string, now time.Time) string {
	if _, refusal := issuers.Verify(raw, now); refusal != nil {
		return refusal.Reason.String()
	}
	return ""
}

func TestFollowRefreshes(t *testing.T) {
	t.Parallel()
	following(t, func(t *testing.T, issuers *Issuers, from *source) {
		raw := good("EdDSA").String()
		if got := reason(issuers, raw, noon); got != "" {
			t.Fatalf("after the first load: got %q", got)
		}
		from.set(acme+"/keys", keys(jwk(ecKey().Public(), "ec")))
		wait(refreshEvery - time.Second)
		if got := from.count(); got != 1 {
			t.Errorf("%d fetches before the time, want 1", got)
		}
		wait(time.Second)
		if got := from.count(); got != 2 {
			t.Errorf("%d fetches in time, want 2", got)
		}
		if got := reason(issuers, raw, noon.Add(refreshEvery)); got != "unknown-caller" {
			t.Errorf("a token of a removed key: got %q", got)
		}
	})
}

// Unknown keys are looked for at once, but not more often than once a minute, whoever sends tokens that name them.
func TestFollowLooksForUnknownKeys(t *testing.T) {
	t.Parallel()
	following(t, func(t *testing.T, issuers *Issuers, from *source) {
		raw := good("EdDSA").headed("kid", "new").String()
		for range 1000 {
			if got := reason(issuers, raw, noon); got != "unknown-caller" {
				t.Fatalf("before the key is known: got %q", got)
			}
		}
		synctest.Wait()
		if got := from.count(); got != 1 {
			t.Errorf("%d fetches within a minute of the first", got)
		}
		from.set(acme+"/keys", keys(jwk(edKey.Public(), "new")))
		wait(refreshFloor)
		if got := from.count(); got != 2 {
			t.Errorf("%d fetches after a minute, want 2", got)
		}
		if got := reason(issuers, raw, noon.Add(refreshFloor)); got != "" {
			t.Errorf("when the key is known: got %q", got)
		}
		wait(2 * refreshFloor)
		if got := from.count(); got != 2 {
			t.Errorf("%d fetches when nothing is wanted, want 2", got)
		}
		reason(issuers, good("EdDSA").headed("kid", "newer").String(), noon)
		synctest.Wait()
		if got := from.count(); got != 3 {
			t.Errorf("%d fetches at the first unknown key after a while, want 3 at once", got)
		}
	})
}

// While keys cannot be had, those that are known count up to their age, and it is tried again soon.
func TestFollowOutlivesItsSource(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{"not-json": "<html>", "no-set": "{}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			following(t, func(t *testing.T, issuers *Issuers, from *source) {
				from.set(acme+"/keys", broken)
				wait(refreshEvery)
				if got := from.count(); got != 2 {
					t.Fatalf("%d fetches, want 2", got)
				}
				wait(firstRetry)
				if got := from.count(); got != 3 {
					t.Errorf("%d fetches soon after a failure, want 3", got)
				}
				old := good("EdDSA").with("iat", noon.Add(DefaultKeyAge).Unix()).with("exp", noon.Add(DefaultKeyAge).Unix()+600).String()
				if got := reason(issuers, old, noon.Add(DefaultKeyAge)); got != "" {
					t.Errorf("with keys of the greatest age: got %q", got)
				}
				if got := reason(issuers, old, noon.Add(DefaultKeyAge+time.Second)); got != "keys-unavailable" {
					t.Errorf("with older keys: got %q", got)
				}
				from.set(acme+"/keys", acmeKeys())
				wait(refreshFloor)
				if got := reason(issuers, good("EdDSA").String(), noon); got != "" {
					t.Errorf("when the keys can be had again: got %q", got)
				}
			})
		})
	}
}

func TestFollowBeginsWithoutItsSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := newSource()
		from.set(acme+"/keys", "")
		issuers, err := Compile([]IssuerConfig{acmeConfig()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go issuers.Follow(ctx, from.source())
		synctest.Wait()
		if got := reason(issuers, good("EdDSA").String(), noon); got != "keys-unavailable" {
			t.Errorf("without keys: got %q", got)
		}
		from.set(acme+"/keys", acmeKeys())
		wait(firstRetry)
		if got := reason(issuers, good("EdDSA").String(), noon); got != "" {
			t.Errorf("with keys: got %q", got)
		}
		cancel()
		synctest.Wait()
	})
}

func TestFollowReadsFiles(t *testing.T) {
	t.Parallel()
	from := newSource()
	issuers := loaded(t, from)
	if got := reason(issuers, once("x").String(), noon); got != "" {
		t.Errorf("with keys from a file: got %q", got)
	}
}
