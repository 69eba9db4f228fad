package subjectrights_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/subjectrights"
)

const sends = "17"

var errSecret = errors.New("hemligt-fel hos anna.lindqvist@kund.example")

func TestNoticesAreDeliveredAndNotedOnce(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		c := o.receive(sends, subjectrights.Erasure)
		require.NoError(t, o.desk.Identify(t.Context(), dpo, c, subjectrights.Known, subjectrights.Address{Name: "Anna Lindqvist", Contact: annas}))
		require.NoError(t, o.desk.Decide(t.Context(), dpo, c, grants(subjectrights.Erasure)...))
		_, err := o.desk.Erase(t.Context(), dpo, c)
		require.NoError(t, err)
		require.NoError(t, o.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{}))
		require.ErrorIs(t, o.desk.Close(t.Context(), dpo, c), subjectrights.ErrUnfinished, "notices wait")

		assert.Equal(t, subjectrights.Delivered{Sent: 5}, o.deliver())
		assert.ElementsMatch(t, []string{"received", "forward", "erased", "erased", "answer"}, o.told(sends))
		assert.Equal(t, subjectrights.Delivered{}, o.deliver())
		c = o.read(sends)
		for _, is := range c.Told() {
			assert.Equal(t, "k-17", is.Receipt)
			assert.Equal(t, 1, is.Attempts)
			require.Len(t, o.sent[is.ID], 1)
			m := o.sent[is.ID][0]
			assert.Equal(t, is.Kind, m.Kind)
			assert.Equal(t, sends, m.Case)
			assert.Equal(t, is.To, m.Party)
			if is.To == "person" {
				assert.Equal(t, annas, m.To.Contact)
			} else { // who else hears of it is not told who it is
				assert.NotContains(t, m.Subject+m.Text, "Anna")
				assert.NotContains(t, m.Subject+m.Text, annas)
			}
		}
		assert.Equal(t, o.now(), c.Forward()[0].PassedOn)
		require.NoError(t, o.desk.Close(t.Context(), dpo, c))
		o.silent()
	})
}

func TestATransportThatFails(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(context.Context, subjectrights.Message) (string, error){
		"error":                  func(context.Context, subjectrights.Message) (string, error) { return "k-17", errSecret },
		"panic":                  func(context.Context, subjectrights.Message) (string, error) { panic(errSecret) },
		"panic without a reason": func(context.Context, subjectrights.Message) (string, error) { panic(any(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(t *testing.T, o *office) {
				o.receive(sends, subjectrights.Access)
				o.send = send
				pauses := []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
					24 * time.Hour}
				for i, pause := range pauses {
					assert.Equal(t, subjectrights.Delivered{Failed: 2}, o.deliver())
					assert.Equal(t, 2*(i+1), o.tries())
					o.pass(pause - time.Second)
					assert.Equal(t, subjectrights.Delivered{Later: 2}, o.deliver(), "not before %v", pause)
					o.pass(time.Second)
				}
				assert.Empty(t, o.told(sends))
				assert.True(t, o.read(sends).Forward()[0].PassedOn.IsZero())
				o.send = nil
				assert.Equal(t, subjectrights.Delivered{Sent: 2}, o.deliver())
				assert.ElementsMatch(t, []string{"received", "forward"}, o.told(sends))
				for _, is := range o.read(sends).Told() {
					assert.Equal(t, len(pauses)+1, is.Attempts)
					assert.Equal(t, o.now(), is.At, "when it came, not when it was tried")
					for _, m := range o.sent[is.ID] {
						assert.True(t, assert.ObjectsAreEqual(o.sent[is.ID][0], m), "the same message under the same id")
					}
				}
				o.silent()
			})
		})
	}
}

func TestOneFailureKeepsNoOtherBack(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		o.send = func(_ context.Context, m subjectrights.Message) (string, error) {
			if m.Kind == "forward" {
				return "", errSecret
			}
			return "", nil
		}
		assert.Equal(t, subjectrights.Delivered{Sent: 1, Failed: 1}, o.deliver())
		assert.Equal(t, []string{"received"}, o.told(sends))

		// One that cannot be read, of a later format.
		c := o.receive("18", subjectrights.Access)
		files, err := o.As(dpo, gdpr.SubjectRights).OpenCaseFiles(t.Context(), "notice", gdpr.ID{})
		require.NoError(t, err)
		strange := files[0]
		strange.ID, strange.Rev, strange.Public, strange.Secret = gdpr.NewID(), 0, []byte(`{"v":2}`), []byte(`{}`)
		require.NoError(t, o.As(dpo, gdpr.SubjectRights).Case(c.ID()).PutCase(t.Context(), gdpr.CaseAct{Action: "Strange", May: "disclose",
			Put: []*gdpr.CaseFile{&strange}}))
		o.send = nil
		o.pass(time.Hour)
		out, err := o.desk.Deliver(t.Context(), dpo)
		require.ErrorContains(t, err, "format 1")
		require.ErrorContains(t, err, strange.ID.String())
		assert.Equal(t, 3, out.Sent)
		o.silent()
	})
}

func TestATransportThatLies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string][2]string{
		"garbage":        {"\x00\x1b[31m\xff ok\r\nBcc: x\u202e\u2028", "[31m  ok  Bcc: x"},
		"address":        {"250 queued for " + annas, ""},
		"wide address":   {"anna\uff20kund.example", ""},
		"quoted address": {"to=anna%40kund.example", ""},
		"name":           {"read by LINDQVIST", ""},
		"1 MiB":          {strings.Repeat("ok", 1<<19), strings.Repeat("ok", 50)},
		"nothing":        {"", ""},
		"plain":          {" 250 2.0.0 queued as 4FhX ", "250 2.0.0 queued as 4FhX"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, t.TempDir())
			o.data = memory.New()
			o.start()
			o.settle()
			o.receive(sends, subjectrights.Access)
			o.send = func(_ context.Context, m subjectrights.Message) (string, error) {
				if m.Kind == "received" {
					return tt[0], nil
				}
				return "", nil
			}
			assert.Equal(t, subjectrights.Delivered{Sent: 2}, o.deliver())
			for _, is := range o.read(sends).Told() {
				if is.Kind == "received" {
					assert.Equal(t, tt[1], is.Receipt)
				}
			}
			o.silent()
		})
	}
}

// TestASlowTransportIsLeft is in a bubble where a minute takes no time.
func TestASlowTransportIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, t.TempDir())
		o.data = memory.New()
		o.start()
		o.settle()
		o.receive(sends, subjectrights.Access)
		o.send = func(ctx context.Context, _ subjectrights.Message) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		began := time.Now()
		assert.Equal(t, subjectrights.Delivered{Failed: 2}, o.deliver())
		assert.Equal(t, 2*time.Minute, time.Since(began), "a minute each")
		require.NoError(t, o.Close())
	})
}

func TestStoppedWhileSending(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		ctx, stop := context.WithCancel(t.Context())
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			stop() // the operator ends the program, when it is already out
			return "k-17", nil
		}
		out, err := o.desk.Deliver(ctx, dpo)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, subjectrights.Delivered{Sent: 1}, out)
		assert.Len(t, o.told(sends), 1, "what went out is noted")
		assert.Equal(t, 1, o.tries(), "and nothing more is sent")
		o.send = nil
		assert.Equal(t, subjectrights.Delivered{Sent: 1}, o.deliver())
		assert.Len(t, o.told(sends), 2)
	})
}

func TestTwoDeliverAtOnce(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		first := true
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			if first {
				first = false
				assert.Equal(t, subjectrights.Delivered{Sent: 1, Later: 1}, o.deliver(), "what the one is sending is left to it")
			}
			return "k-17", nil
		}
		assert.Equal(t, subjectrights.Delivered{Sent: 1}, o.deliver())
		assert.Equal(t, 2, o.tries())
		assert.Len(t, o.told(sends), 2)
		o.send = nil

		const cases, processes = 4, 4
		for i := range cases {
			o.receive("at once "+string(rune('a'+i)), subjectrights.Access)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var sum int
		for range processes {
			wg.Go(func() {
				out, err := o.desk.Deliver(t.Context(), dpo)
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				sum += out.Sent
			})
		}
		wg.Wait()
		assert.Equal(t, 2*cases, sum)
		assert.Equal(t, 2+2*cases, o.tries(), "each was sent once")
		for i := range cases {
			assert.Len(t, o.told("at once "+string(rune('a'+i))), 2)
		}
		assert.Zero(t, o.waits())
	})
}

// TestAClaimIsSeen: what another process has claimed since it was listed is left to that process.
func TestAClaimIsSeen(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		claimed, goOn, done := make(chan bool), make(chan bool), make(chan subjectrights.Delivered, 1)
		tries := make(chan int, 10)
		tries <- 1
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			switch n := <-tries; n {
			case 1: // the one sends the first notice, while the other begins with the second
				tries <- 2
				go func() {
					out, err := o.desk.Deliver(context.WithoutCancel(t.Context()), dpo)
					assert.NoError(t, err)
					done <- out
				}()
				<-claimed
			case 2:
				tries <- 3
				claimed <- true
				<-goOn
			}
			return "k-17", nil
		}
		assert.Equal(t, subjectrights.Delivered{Sent: 1, Later: 1}, o.deliver())
		close(goOn)
		assert.Equal(t, subjectrights.Delivered{Sent: 1, Later: 1}, <-done)
		assert.Equal(t, 2, o.tries())
		assert.Len(t, o.told(sends), 2)
	})
}

// TestAClaimThatIsTooOld: a process that was stopped while sending is overtaken, and then both have sent it; it is noted once.
func TestAClaimThatIsTooOld(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		first := true
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			if first {
				first = false
				o.pass(9 * time.Minute)
				assert.Equal(t, subjectrights.Delivered{Sent: 1, Later: 1}, o.deliver())
				o.pass(2 * time.Minute)
				assert.Equal(t, subjectrights.Delivered{Sent: 1}, o.deliver())
			}
			return "k-17", nil
		}
		assert.Equal(t, subjectrights.Delivered{}, o.deliver(), "it was noted by the other")
		assert.Equal(t, 3, o.tries())
		assert.Len(t, o.told(sends), 2)
		assert.Zero(t, o.waits())
	})
}

func TestTheCaseChangesWhileANoticeIsSent(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		first := true
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			if first {
				first = false
				require.NoError(t, o.desk.Identify(t.Context(), dpo, o.read(sends), subjectrights.Known, subjectrights.Address{}))
			}
			return "k-17", nil
		}
		assert.Equal(t, subjectrights.Delivered{Sent: 2}, o.deliver())
		c := o.read(sends)
		assert.Equal(t, subjectrights.Assessing, c.State())
		assert.NotNil(t, c.Identified(), "neither change is lost")
		assert.Len(t, o.told(sends), 2)
	})
}

func TestTheCaseIsWithdrawnWhileANoticeIsSent(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		o.receive(sends, subjectrights.Access)
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			require.NoError(t, o.desk.Withdraw(t.Context(), dpo, o.read(sends), "brev 2026-03-02 i pärm 4"))
			return "k-17", nil
		}
		assert.Equal(t, subjectrights.Delivered{}, o.deliver())
		assert.Equal(t, 1, o.tries(), "what waited is not sent any more")
		assert.Zero(t, o.waits())
		assert.Equal(t, subjectrights.Withdrawn, o.read(sends).State())

		o.receive("18", subjectrights.Access) // and so where it fails
		o.send = func(context.Context, subjectrights.Message) (string, error) {
			require.NoError(t, o.desk.Withdraw(t.Context(), dpo, o.read("18"), "brev 2026-03-02 i pärm 4"))
			return "", errSecret
		}
		assert.Equal(t, subjectrights.Delivered{Failed: 1}, o.deliver())
		assert.Zero(t, o.waits(), "it is gone, and does not come back")
	})
}

func TestAnExtensionCountsWhenItIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ told, due string }{
		"in time":      {"2026-04-02", "2026-06-02"},
		"the day late": {"2026-04-03", "2026-04-02"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(t *testing.T, o *office) {
				c := o.receive(sends, subjectrights.Access)
				require.NoError(t, o.desk.Identify(t.Context(), dpo, c, subjectrights.Known, subjectrights.Address{Contact: annas}))
				require.NoError(t, o.desk.Extend(t.Context(), dpo, c, subjectrights.Complexity, "Många poster", time.Time{}))
				assert.Equal(t, "2026-04-02", o.desk.Due(o.read(sends)).String(), "not told yet")
				o.pass(instant(t, tt.told).Sub(o.now()))
				assert.Equal(t, 3, o.deliver().Sent)
				assert.Equal(t, tt.due, o.desk.Due(o.read(sends)).String())
			})
		})
	}
}

func TestDeliverNeeds(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir())
	o.data = memory.New()
	o.start()
	o.settle()
	o.receive(sends, subjectrights.Access)
	_, err := o.desk.Deliver(t.Context(), gdpr.Actor{})
	require.Error(t, err, "nobody")
	mute, err := subjectrights.New(o.Engine, nil)
	require.NoError(t, err)
	_, err = mute.Deliver(t.Context(), dpo)
	require.ErrorIs(t, err, subjectrights.ErrNoTransport)
	assert.Zero(t, o.tries())
}
