package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// arena is a kind of store in which the mixes are asked of both sides. What was loaded once is copied for each round that changes it.
type arena struct {
	name string
	// settle opens Gallra, and plain the plain table, on what has that name; a new one is empty.
	settle func(ctx context.Context, name string) (*town, error)
	plain  func(ctx context.Context, name string) (*mixPlain, func(), error)
	// copy copies what has a name to another name.
	copy func(ctx context.Context, from, to string) error
	// size is what it takes on disk, in bytes; before, it does what its keeper would do at night.
	size func(ctx context.Context, name string) (int64, error)
}

// pgMixBench is row 9 on Postgres.
func pgMixBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	return p.mixes(ctx, p.pgArena(mixRegister(p.mixPlan())))
}

// liteMixBench is row 9 on SQLite.
func liteMixBench(ctx context.Context, p plan) ([]Result, error) {
	return p.mixes(ctx, p.liteArena(mixRegister(p.mixPlan())))
}

func (p plan) pgArena(register string) *arena {
	there := map[string]bool{}
	connect := func(ctx context.Context, name string) (*sql.DB, error) {
		if there[name] {
			return p.pg.connect(name)
		}
		there[name] = true
		return p.pg.open(ctx, name)
	}
	return &arena{
		name: "Postgres",
		settle: func(ctx context.Context, name string) (*town, error) {
			db, err := connect(ctx, name)
			if err != nil {
				return nil, err
			}
			return p.pg.settle(ctx, p, name, db, register)
		},
		plain: func(ctx context.Context, name string) (*mixPlain, func(), error) {
			db, err := connect(ctx, name)
			if err != nil {
				return nil, nil, err
			}
			return newMixPlain(db, db, p.mixPlan(), false), func() { _ = db.Close() }, nil
		},
		copy: func(ctx context.Context, from, to string) error {
			p.pg.drop(to)
			there[to] = true
			if err := p.pg.clone(ctx, from, to); err != nil {
				return err
			}
			return copyDir(filepath.Join(p.dir, from), filepath.Join(p.dir, to))
		},
		size: func(ctx context.Context, name string) (n int64, err error) {
			db, err := p.pg.connect(name)
			if err != nil {
				return 0, err
			}
			defer func() { _ = db.Close() }()
			if err := tidy(ctx, db); err != nil {
				return 0, err
			}
			return n, db.QueryRowContext(ctx, `SELECT SUM(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE c.relkind = 'r' AND n.nspname IN ($1, 'public') AND c.relname <> 'log'`, postgres.DefaultSchema).Scan(&n)
		},
	}
}

func (p plan) liteArena(register string) *arena {
	file := func(name string) string { return filepath.Join(p.dir, name, "data.db") }
	return &arena{
		name: "SQLite",
		settle: func(ctx context.Context, name string) (*town, error) {
			t := &town{dir: filepath.Join(p.dir, name), end: func() {}}
			if err := os.MkdirAll(t.dir, 0o700); err != nil {
				return nil, err
			}
			var err error
			if t.store, err = sqlite.Open(ctx, file(name), nil); err != nil {
				return nil, err
			}
			return t, t.found(ctx, register)
		},
		plain: func(_ context.Context, name string) (*mixPlain, func(), error) {
			if err := os.MkdirAll(filepath.Dir(file(name)), 0o700); err != nil {
				return nil, nil, err
			}
			write, err := sql.Open("sqlite", sqlite.DSN(file(name)))
			if err != nil {
				return nil, nil, err
			}
			write.SetMaxOpenConns(1)
			read, err := sql.Open("sqlite", sqlite.DSN(file(name))+"&_pragma=query_only(1)")
			if err != nil {
				return nil, nil, err
			}
			read.SetMaxOpenConns(clients)
			read.SetMaxIdleConns(clients)
			return newMixPlain(write, read, p.mixPlan(), true), func() { _, _ = read.Close(), write.Close() }, nil
		},
		copy: func(_ context.Context, from, to string) error {
			return copyDir(filepath.Join(p.dir, from), filepath.Join(p.dir, to))
		},
		size: func(ctx context.Context, name string) (n int64, err error) {
			db, err := sql.Open("sqlite", sqlite.DSN(file(name)))
			if err != nil {
				return 0, err
			}
			defer func() { _ = db.Close() }()
			return n, db.QueryRowContext(ctx, `SELECT SUM(pgsize) FROM dbstat WHERE name <> 'log'`).Scan(&n)
		},
	}
}

// copyDir copies the files of a folder to another, in the place of what is there. It may have none: a plain database has no keys.
func copyDir(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, f.Name()), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// mixes loads both sides and asks.
func (p plan) mixes(ctx context.Context, a *arena) ([]Result, error) {
	m := p.mixPlan()
	of := make([]mixRecord, m.records+m.ops*clients)
	ours, base := a.name+"_mix_town", a.name+"_mix_plain"
	t, err := a.settle(ctx, ours)
	if err != nil {
		return nil, err
	}
	if err := newMixTown(t, m, of).load(ctx); err != nil {
		return nil, err
	}
	t.leave()
	plain, leave, err := a.plain(ctx, base)
	if err != nil {
		return nil, err
	}
	if err := plain.load(ctx); err != nil {
		return nil, err
	}
	leave()
	size, err := a.size(ctx, ours)
	if err != nil {
		return nil, err
	}
	plainSize, err := a.size(ctx, base)
	if err != nil {
		return nil, err
	}
	p.note("  %s, %d records: plain %d bytes, ours %d", a.name, m.records, plainSize, size)
	out := []Result{exact("GDPRbench, "+a.name+", space of plain tables", "<= 2.5", "x of baseline size", float64(size)/float64(plainSize))}
	asked, right := 0, 0
	for i := range roles {
		var plainly, ourly []*client // the clients of all rounds
		h, err := race(ctx, p.rounds,
			func(ctx context.Context, round int) (spent, error) {
				name, err := a.fresh(ctx, base, roles[i].changes)
				if err != nil {
					return spent{}, err
				}
				k, leave, err := a.plain(ctx, name)
				if err != nil {
					return spent{}, err
				}
				defer leave()
				took, all, err := p.ask(ctx, k, &roles[i], round)
				plainly = append(plainly, all...)
				return took, err
			},
			func(ctx context.Context, round int) (spent, error) {
				name, err := a.fresh(ctx, ours, roles[i].changes)
				if err != nil {
					return spent{}, err
				}
				t, err := a.settle(ctx, name)
				if err != nil {
					return spent{}, err
				}
				defer t.leave()
				took, all, err := p.ask(ctx, newMixTown(t, m, of), &roles[i], round)
				if err != nil {
					return took, err
				}
				ourly = append(ourly, all...)
				for _, c := range all {
					if c.right < c.asked {
						p.note("  %s, %s: %d of %d right, first wrong %q", a.name, roles[i].name, c.right, c.asked, c.wrong)
					}
					asked += c.asked
					right += c.right
				}
				_, err = t.Verify(ctx)
				return took, err
			})
		if err != nil {
			return nil, err
		}
		p.note("  %s, %s, %d queries: plain, ours: %v", a.name, roles[i].name, roles[i].queries(m), h)
		for _, s := range roles[i].shares {
			p.note("    %-24s %s, ours %s", s.name, each(plainly, s.name), each(ourly, s.name))
		}
		out = append(out, h.speed("GDPRbench "+roles[i].name+", "+a.name+", of plain tables", roles[i].target, 0, 1))
	}
	return append(out, exact("GDPRbench, "+a.name+", right answers of all", ">= 100", "%", 100*float64(right)/float64(asked))), nil
}

// each is how long one query took, of how many.
func each(all []*client, name string) string {
	var n int
	var wall time.Duration
	for _, c := range all {
		if t := c.took[name]; t != nil {
			n += t.n
			wall += t.wall
		}
	}
	return fmt.Sprintf("%9s (%d)", (wall / time.Duration(max(n, 1))).Round(time.Microsecond), n)
}

// fresh is a copy of what was loaded, if a mix changes it.
func (a *arena) fresh(ctx context.Context, name string, changes bool) (string, error) {
	if !changes {
		return name, nil
	}
	return name + "_copy", a.copy(ctx, name, name+"_copy")
}

// ask lets the clients ask their queries, and looks at what they left. The plain side must be right, or the comparison is worth nothing.
func (p plan) ask(ctx context.Context, k keeper, mix *mix, round int) (spent, []*client, error) {
	m := p.mixPlan()
	var all []*client
	for i := range clients {
		all = append(all, newClient(k, m, i, round, mix.zipfian))
	}
	// Both sides have been at work for a while.
	if _, err := p.inParallel(clients, func(c int) error {
		for i := range p.of(500, 120) {
			if _, err := k.dataOfKey(ctx, (i*clients+c)*7%(m.users*perUser)); err != nil {
				return err
			}
		}
		return nil
	}, func() error { return nil }); err != nil {
		return spent{}, nil, err
	}
	took, err := p.inParallel(clients, func(i int) error { return all[i].ask(ctx, mix, mix.queries(m)/clients) }, func() error { return k.finish(ctx) })
	if err != nil {
		return took, nil, err
	}
	for _, c := range all {
		if mix.changes {
			if err := c.after(ctx); err != nil {
				return took, nil, err
			}
		}
		if _, plain := k.(*mixPlain); plain && c.right != c.asked {
			return took, nil, fmt.Errorf("%w: plain %s: %d of %d right, first wrong %q", errWrong, mix.name, c.right, c.asked, c.wrong)
		}
	}
	return took, all, nil
}
