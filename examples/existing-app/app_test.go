package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/internal/pgtest"
)

const (
	owner   = "Karin Ek"
	support = "Moa Norén"
	privacy = "Sara Dahl"
	email   = "åsa.öberg@kund.example"
)

// service is the application as its callers meet it.
type service struct {
	*app
	t   *testing.T
	url string
}

func newService(t *testing.T) *service {
	t.Helper()
	ctx := t.Context()
	a, err := openApp(ctx, settings{dsn: pgtest.DSN(t), register: "register.yaml", kek: filepath.Join(t.TempDir(), "dev.kek"), owner: owner,
		log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.close()) })
	server := httptest.NewServer(a.routes())
	t.Cleanup(server.Close)
	s := &service{a, t, server.URL}
	s.want(http.StatusNoContent, owner, "POST", "/grants", `{"name": "`+support+`", "role": "support"}`)
	s.want(http.StatusNoContent, owner, "POST", "/grants", `{"name": "`+privacy+`", "role": "privacy"}`)
	return s
}

// want sends a request, expects a status and returns the body.
func (s *service) want(status int, actor, method, path, body string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("X-Forwarded-User", actor)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, status, resp.StatusCode, "%s", got)
	return string(got)
}

// open opens a ticket and returns it.
func (s *service) open(who, message string) (t ticket) {
	s.t.Helper()
	body := s.want(http.StatusCreated, support, "POST", "/tickets",
		fmt.Sprintf(`{"name": "Åsa Öberg", "email": %q, "message": %q, "priority": "low"}`, who, message))
	require.NoError(s.t, json.Unmarshal([]byte(body), &t))
	return t
}

func (s *service) get(id string) (t ticket) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal([]byte(s.want(http.StatusOK, support, "GET", "/tickets/"+id, "")), &t))
	return t
}

// counts are the rows of the application and the parts of the library.
func (s *service) counts() (rows, parts int) {
	s.t.Helper()
	require.NoError(s.t, s.db.QueryRowContext(s.t.Context(), `SELECT COUNT(*) FROM public.tickets`).Scan(&rows))
	require.NoError(s.t, s.db.QueryRowContext(s.t.Context(), `SELECT COUNT(*) FROM gallra.parts`).Scan(&parts))
	return rows, parts
}

// traces counts entries of the trail.
func (s *service) traces(action string, outcome string) (n int) {
	s.t.Helper()
	lanes, err := s.data.Lanes(s.t.Context())
	require.NoError(s.t, err)
	for _, lane := range lanes {
		rows, err := s.data.Entries(s.t.Context(), lane.ID, 0, 1000)
		require.NoError(s.t, err)
		for _, row := range rows {
			e, err := audit.DecodeEntry(row.Body)
			require.NoError(s.t, err)
			if e.Action == action && e.Outcome == outcome {
				n++
			}
		}
	}
	return n
}

// exec runs a statement of the database's owner.
func (s *service) exec(query string) {
	s.t.Helper()
	_, err := s.db.ExecContext(s.t.Context(), query)
	require.NoError(s.t, err)
}

func TestTicketLives(t *testing.T) {
	t.Parallel()
	s := newService(t)
	opened := s.open(email, "Skärmen är svart")
	assert.Equal(t, int64(1), opened.Number)
	assert.Equal(t, ticket{ID: opened.ID, Number: 1, State: "open", Priority: "low", Name: "Åsa Öberg", Email: email, Message: "Skärmen är svart", Version: 1},
		s.get(opened.ID))
	s.open("örjan@kund.example", "Ljudet är borta")

	s.want(http.StatusNoContent, support, "PATCH", "/tickets/"+opened.ID, `{"message": "Skärmen är blå", "priority": "high", "version": 1}`)
	s.want(http.StatusConflict, support, "PATCH", "/tickets/"+opened.ID, `{"message": "Skärmen är röd", "priority": "low", "version": 1}`)
	s.want(http.StatusNoContent, support, "PATCH", "/tickets/"+opened.ID, `{"priority": "high"}`)
	s.want(http.StatusNoContent, support, "POST", "/tickets/"+opened.ID+"/close", "")
	var all []ticket
	require.NoError(t, json.Unmarshal([]byte(s.want(http.StatusOK, support, "GET", "/tickets", "")), &all))
	require.Len(t, all, 2)
	assert.Equal(t, ticket{ID: opened.ID, Number: 1, State: "closed", Priority: "high", Name: "Åsa Öberg", Email: email, Message: "Skärmen är blå", Version: 2}, all[0])
	assert.Equal(t, "Ljudet är borta", all[1].Message)
	id, err := gdpr.ParseID(opened.ID)
	require.NoError(t, err)
	why, err := s.As(gdpr.Person(privacy), gdpr.SubjectRights).Explain(t.Context(), id)
	require.NoError(t, err)
	assert.False(t, why.Parts[0].Until.IsZero(), "its period has begun")
	var named int
	require.NoError(t, s.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM public.tickets t WHERE t::text ~ 'kund|berg|Sk'`).Scan(&named))
	assert.Zero(t, named, "the application's own table names nobody")
	s.verified()
}

// verified sweeps, so that erasures are finished, and verifies the trail.
func (s *service) verified() audit.Report {
	s.t.Helper()
	_, err := s.Sweep(s.t.Context(), nil)
	require.NoError(s.t, err)
	report, err := s.Verify(s.t.Context())
	require.NoError(s.t, err)
	return report
}

// When the application's side fails after the library's, nothing of either stays; and the other way round.
func TestBothOrNeither(t *testing.T) {
	t.Parallel()
	s := newService(t)
	opened := s.open(email, "Hej")
	s.exec(`CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$`)
	// At the commit, when both sides are written.
	s.exec(`CREATE CONSTRAINT TRIGGER no AFTER INSERT OR UPDATE OR DELETE ON public.tickets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.no()`)
	body := `{"email": "ny@kund.example", "message": "Hej", "priority": "low"}`
	said := s.want(http.StatusInternalServerError, support, "POST", "/tickets", body)
	assert.NotContains(t, said, "disk", "the cause is for the log")
	s.want(http.StatusInternalServerError, support, "PATCH", "/tickets/"+opened.ID, `{"message": "Ändrat", "priority": "high"}`)
	s.want(http.StatusInternalServerError, support, "POST", "/tickets/"+opened.ID+"/close", "")
	erase := `{"email": "` + email + `", "ground": "A17-1-b", "case": "2026-101"}`
	s.want(http.StatusInternalServerError, privacy, "POST", "/persons/erase", erase)
	got := s.get(opened.ID)
	assert.Equal(t, "Hej low open", got.Message+" "+got.Priority+" "+got.State)
	rows, parts := s.counts()
	assert.Equal(t, []int{1, 1}, []int{rows, parts})
	for action, n := range map[string]int{"Put": 1, "Update": 0, "RecordEvent": 0, "Erase": 0} {
		assert.Equal(t, n, s.traces(action, audit.Done), action)
	}
	assert.Zero(t, s.verified().Proofs)

	s.exec(`DROP TRIGGER no ON public.tickets`)
	s.want(http.StatusConflict, support, "PATCH", "/tickets/"+opened.ID, `{"message": "Ändrat", "priority": "high", "version": 9}`)
	assert.Equal(t, "low", s.get(opened.ID).Priority, "the library refused, so the row stays, too")

	s.want(http.StatusCreated, support, "POST", "/tickets", body)
	rows, parts = s.counts()
	assert.Equal(t, []int{2, 2}, []int{rows, parts})
	s.verified()
}

func TestErasePerson(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first, second, other := s.open(email, "Ett"), s.open(email, "Två"), s.open("örjan@kund.example", "Tre")
	erase := `{"email": "` + email + `", "ground": "A17-1-b", "case": "2026-101"}`
	var out erased
	require.NoError(t, json.Unmarshal([]byte(s.want(http.StatusOK, privacy, "POST", "/persons/erase", erase)), &out))
	assert.Equal(t, 2, out.Count)
	assert.NotEmpty(t, out.Proof)
	for _, gone := range []ticket{first, second} {
		s.want(http.StatusGone, support, "GET", "/tickets/"+gone.ID, "")
		s.want(http.StatusGone, support, "PATCH", "/tickets/"+gone.ID, `{"message": "Ändrat"}`)
		s.want(http.StatusGone, support, "POST", "/tickets/"+gone.ID+"/close", "")
	}
	assert.Equal(t, "Tre", s.get(other.ID).Message)
	rows, parts := s.counts()
	assert.Equal(t, []int{1, 1}, []int{rows, parts})
	s.want(http.StatusNotFound, privacy, "POST", "/persons/erase", erase)
	assert.Equal(t, 1, s.verified().Proofs)

	// What is on hold stays, and so does its row; but nobody may use it.
	id, err := gdpr.ParseID(other.ID)
	require.NoError(t, err)
	_, err = s.As(gdpr.Person(privacy), gdpr.SubjectRights).Hold(t.Context(), gdpr.Hold{Record: id, Ground: "Tvist", ReviewBy: civil.DateOf(time.Now(), time.UTC).AddDays(30)})
	require.NoError(t, err)
	out = erased{}
	held := strings.Replace(erase, email, "örjan@kund.example", 1)
	require.NoError(t, json.Unmarshal([]byte(s.want(http.StatusOK, privacy, "POST", "/persons/erase", held)), &out))
	assert.Zero(t, out.Count)
	assert.Empty(t, out.Proof)
	assert.Equal(t, []kept{{other.ID, "on hold: Tvist"}}, out.Kept)
	s.want(http.StatusConflict, support, "GET", "/tickets/"+other.ID, "")
	rows, parts = s.counts()
	assert.Equal(t, []int{1, 1}, []int{rows, parts})
	s.verified()
}

// A refusal leaves its trace, although its transaction is rolled back.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newService(t)
	opened := s.open(email, "Hej")
	at := "/tickets/" + opened.ID
	body := `{"email": "ny@kund.example", "message": "Hej", "priority": "low"}`
	s.want(http.StatusUnauthorized, "", "GET", at, "")
	s.want(http.StatusForbidden, "Ulf Utomstående", "POST", "/tickets", body)
	s.want(http.StatusForbidden, "Ulf Utomstående", "GET", at, "")
	s.want(http.StatusForbidden, "Ulf Utomstående", "GET", "/tickets", "")
	s.want(http.StatusForbidden, support, "POST", "/persons/erase", `{"email": "`+email+`", "ground": "A17-1-b", "case": "1"}`)
	s.want(http.StatusForbidden, support, "POST", "/grants", `{"name": "Ulf Utomstående", "role": "support"}`)
	for action, n := range map[string]int{"Put": 1, "Get": 1, "Records": 1, "Erase": 1, "Grant": 1} {
		assert.Equal(t, n, s.traces(action, audit.Refused), action)
	}
	s.want(http.StatusNotFound, support, "GET", "/tickets/4711", "")
	s.want(http.StatusNotFound, support, "GET", "/tickets/00000000-0000-4000-8000-000000000001", "")
	s.want(http.StatusNotFound, support, "POST", "/tickets/00000000-0000-4000-8000-000000000001/close", "")
	for sent, field := range map[string]string{
		`{"email": "inte-en-adress", "message": "Hej", "priority": "low"}`:  "Subject.email",
		`{"email": "ny@kund.example", "message": "Hej", "priority": "sen"}`: "priority",
		`{"email": "ny@kund.example", "message": 4711, "priority": "low"}`:  "Message",
		`{"email": "ny@kund.example", "lön": "4711", "priority": "low"}`:    "body",
		`Hej`: "body",
	} {
		var p problem
		said := s.want(http.StatusUnprocessableEntity, support, "POST", "/tickets", sent)
		require.NoError(t, json.Unmarshal([]byte(said), &p))
		assert.True(t, strings.EqualFold(field, p.Field), "%s for %s", p.Field, sent)
		assert.NotContains(t, said, "4711")
		assert.NotContains(t, said, "inte-en-adress")
	}
	rows, parts := s.counts()
	assert.Equal(t, []int{1, 1}, []int{rows, parts})
	s.verified()
}

// A handler without the middleware does nothing.
func TestWithoutSession(t *testing.T) {
	t.Parallel()
	_, err := session(t.Context()).Get(t.Context(), gdpr.ID{})
	var input *gdpr.InputError
	require.ErrorAs(t, err, &input)
	assert.Equal(t, "Session", input.Field)
}

// A service that is asked to stop answers what it has begun.
func TestServeEndsGracefully(t *testing.T) {
	t.Parallel()
	var cfg net.ListenConfig
	l, err := cfg.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	begun, go1 := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-go1
		_, _ = io.WriteString(w, "klart")
	})
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, h) }()
	said := make(chan string, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
		if err != nil {
			said <- err.Error()
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			said <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		said <- string(body)
	}()
	<-begun
	stop()
	require.Eventually(t, func() bool { // nobody new is let in
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 30*time.Second, 10*time.Millisecond)
	close(go1)
	assert.Equal(t, "klart", <-said)
	require.NoError(t, <-ended)
}
