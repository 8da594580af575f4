package faults_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
)

const (
	soakPerSecond = 100
	// soakRetention is what SQLite keeps, so that an hour has many of it.
	soakRetention = 10 * time.Minute
	// soakWarmUp is when memory and size begin to be judged: after ten minutes, and two more
	// that SQLite takes to begin to prune, for which it needs some 20 MiB from then on.
	soakWarmUp = soakRetention + 2*time.Minute
)

// TestFaultSoak (F12) publishes for long to hostile, dark and healthy endpoints, while a
// process is killed every minute: of two over PostgreSQL, of which the other one's memory
// is looked at, and the only one over SQLite, whose memory is that at the end of each life.
func TestFaultSoak(t *testing.T) {
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		t.Run(database, func(t *testing.T) {
			beside(t, heavy)
			lasting, killEvery := 6*time.Second, 2*time.Second
			if long {
				lasting, killEvery = time.Hour, time.Minute
				t.Parallel()
			}
			if *soakFor > 0 {
				lasting = *soakFor
			}
			w := newSoakWorld(t, database)
			defer w.net.close()
			s := soakRun{soakWorld: w, began: time.Now()}
			s.run(lasting, killEvery)
			s.judge(lasting)
		})
	}
}

// soakRun is a run, and what it measured.
type soakRun struct {
	*soakWorld
	began     time.Time
	published int
	kills     int
	memory    []sample // bytes of the process that is judged
	sizes     []sample // bytes of the database
}

// sample is a figure at a time of the run, when so many events were published.
type sample struct {
	at     time.Duration
	value  int64
	events int
}

// run publishes and kills for so long, and then waits until healthy endpoints have
// everything.
func (s *soakRun) run(lasting, killEvery time.Duration) {
	victim := s.enlist()
	survivor := victim
	if s.cfg.Path == "" {
		survivor = s.enlist()
	}
	var calls sync.WaitGroup
	kill, size := killEvery, killEvery/2
	for next := time.Duration(0); next < lasting; next += time.Second / soakPerSecond {
		time.Sleep(next - time.Since(s.began))
		n := s.published
		s.published++
		calls.Go(func() { s.publish(n) })
		if at := time.Since(s.began); at >= size {
			s.sizes = append(s.sizes, sample{at, s.size(), n})
			size += killEvery
		}
		if at := time.Since(s.began); at >= kill {
			s.memory = append(s.memory, sample{at, residentMemoryOf(survivor.cmd.Process.Pid), n})
			s.kill(victim)
			s.kills++
			renewed := s.enlist()
			if survivor == victim {
				survivor = renewed
			}
			victim = renewed
			kill += killEvery
		}
	}
	calls.Wait()
	if !allSettle(startTimeout, s.missing) {
		s.t.Errorf("%d acknowledged events are missing at healthy endpoints; want none lost", s.missing())
	}
	s.kill(victim) // what is due at dark endpoints would keep it
	if survivor != victim {
		s.kill(survivor)
	}
}

// judge compares the run with what F12 asks for.
func (s *soakRun) judge(lasting time.Duration) {
	t := s.t
	t.Helper()
	slope, factor := s.slope(), s.growth()
	t.Logf("F12, %v: %d events, %d kills, lost %d, twice %d; memory %+.2f MiB in ten minutes, at most %d MiB; database %d MiB, %.2f of the model; classes %v",
		lasting, s.published, s.kills, s.missing(), s.twice, slope, largest(s.memory)>>20, largest(s.sizes)>>20, factor, s.classes())
	for _, fault := range s.wrong {
		t.Error(fault)
	}
	if n := s.net.reached.Load(); n != 0 {
		t.Errorf("redirects made %d connections; want 0", n)
	}
	if len(s.known) != s.published {
		t.Errorf("%d of %d events were acknowledged; want all", len(s.known), s.published)
	}
	// Between the kills each process has some attempts under way, which are made again.
	if most := s.kills * s.cfg.Slots; s.twice > most {
		t.Errorf("%d deliveries came twice; want at most %d, the slots of those that were killed", s.twice, most)
	}
	if slope > 1 {
		t.Errorf("memory grew by %.2f MiB in ten minutes after the first ten; want less than 1; MiB: %v", slope, s.memoryMiB())
	}
	if factor > 1.1 {
		t.Errorf("the database has %.2f of the bytes that the model of retention says; want 1.1 at most", factor)
	}
	s.judgeStore()
}

// judgeStore looks for what was acknowledged in the database, as far as it is kept, and
// for what attempts at hostile endpoints ended with.
func (s *soakRun) judgeStore() {
	t := s.t
	t.Helper()
	if s.cfg.Path != "" {
		if verdict := integrity(t.Context(), s.cfg.Path); verdict != "ok" {
			t.Errorf("integrity_check = %s; want ok", verdict)
		}
	}
	st, end := s.open()
	defer end()
	var gone int
	for _, id := range s.recent() {
		if _, err := st.Event(t.Context(), tenant, id); err != nil {
			gone++
		}
	}
	if gone > 0 {
		t.Errorf("%d acknowledged events are not in the store; want all there", gone)
	}
}

// recent returns the ids of the last events, at most five minutes' of them: within any
// retention.
func (s *soakRun) recent() (ids []string) {
	for n := max(0, s.published-int(soakRetention/2/time.Second)*soakPerSecond); n < s.published; n++ {
		ids = append(ids, s.known[n])
	}
	return ids
}

// classes checks the classes of attempts at hostile endpoints, and returns how many of
// the modes have some.
func (s *soakRun) classes() (seen int) {
	t := s.t
	t.Helper()
	st, end := s.open()
	defer end()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range s.modes {
		found := attemptsOf(t, manage.New(d), s.endpoints[i].ID)
		for class, n := range found {
			if !slices.Contains(m.classes, class) {
				t.Errorf("%s: %d attempts of class %q; want %q alone", m.name, n, class, m.classes)
			}
		}
		if len(found) > 0 {
			seen++
		}
	}
	return seen
}

// slope returns by how many MiB memory grows in ten minutes, by least squares over what
// was measured after the warm-up; 0 if that is less than ten samples.
func (s *soakRun) slope() float64 {
	var n, x, y, xx, xy float64
	for _, m := range s.memory {
		if m.at < soakWarmUp {
			continue
		}
		at, value := m.at.Minutes()/10, float64(m.value)/(1<<20)
		n, x, y, xx, xy = n+1, x+at, y+value, xx+at*at, xy+at*value
	}
	if n < 10 {
		return 0
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// growth returns the size of the database at the end as a share of the model of
// retention: what it had grown by for each event by the end of the first ten minutes, when
// nothing was old enough to be removed, for all events that are kept. It is 0 for a run
// that is too short to tell.
func (s *soakRun) growth() float64 {
	i := slices.IndexFunc(s.sizes, func(m sample) bool { return m.at >= soakRetention-time.Minute })
	if i < 1 || len(s.sizes) < i+10 {
		return 0
	}
	first, grown, last := s.sizes[0], s.sizes[i], s.sizes[len(s.sizes)-1]
	each := float64(grown.value-first.value) / float64(grown.events-first.events)
	kept := last.events
	if s.cfg.Path != "" { // and what comes until it is pruned, once a minute
		kept = min(kept, int((soakRetention+time.Minute)/time.Second)*soakPerSecond)
	}
	return float64(last.value) / (float64(first.value) + each*float64(kept-first.events))
}

// memoryMiB are the samples of memory, for whoever wants to know what grew.
func (s *soakRun) memoryMiB() (all []int64) {
	for _, m := range s.memory {
		all = append(all, m.value>>20)
	}
	return all
}

func largest(samples []sample) (most int64) {
	for _, m := range samples {
		most = max(most, m.value)
	}
	return most
}
