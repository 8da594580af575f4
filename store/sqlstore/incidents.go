package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const incidentColumns = `id, kind, subject, since, last_at, count, threshold`

func scanIncident(r Row, i *webhook.Incident) error {
	return r.Scan(&i.ID, (*string)(&i.Kind), &i.Subject, &i.Since, &i.Last, &i.Count, &i.Threshold)
}

// CountIncidents implements store.Incidents. Those who count wait for each other, so
// that two do not begin the same incident: it is done seldom, and for many at once.
func (s *Store) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	answers := make([]webhook.Incident, len(counts))
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if _, err := nextValue(ctx, c, "incidents"); err != nil {
			return err
		}
		for i := range counts {
			if answers[i], err = s.countIncident(ctx, c, now, &counts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrap("count incidents", err)
	}
	return answers, nil
}

func (s *Store) countIncident(ctx context.Context, c Conn, now time.Time, n *store.IncidentCount) (webhook.Incident, error) {
	found := webhook.Incident{Tenant: n.Tenant}
	err := c.Query(ctx, `
		SELECT `+incidentColumns+`
		FROM postrider_incidents`+s.index("postrider_incidents_open")+`
		WHERE tenant = ?
		AND kind = ?
		AND subject = ?
		AND ends_at > ?
		ORDER BY ends_at DESC
		LIMIT 1`, []any{n.Tenant, string(n.Kind), n.Subject, now.UnixMicro()}, func(r Row) error { return scanIncident(r, &found) })
	if err != nil {
		return found, err
	}
	if found.ID == "" {
		found = webhook.Incident{
			ID: n.ID, Tenant: n.Tenant, Kind: n.Kind, Subject: n.Subject,
			Since: whole(now), Last: whole(now), Count: n.Count, Threshold: int64(n.Rule.Threshold),
		}
		_, err := c.Exec(ctx, `
			INSERT INTO postrider_incidents (tenant, id, kind, subject, since, last_at, ends_at, count, threshold)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			n.Tenant, n.ID, string(n.Kind), n.Subject, now.UnixMicro(), now.UnixMicro(), now.Add(n.Rule.Window).UnixMicro(), n.Count, n.Rule.Threshold)
		return found, err
	}
	found.Count, found.Last = found.Count+n.Count, whole(now)
	// All that the index of open incidents leads by, so that it finds the one as well: a
	// plan of the time when the table was empty may take that index for the key.
	_, err = c.Exec(ctx, `
		UPDATE postrider_incidents
		SET count = ?, last_at = ?
		WHERE tenant = ?
		AND id = ?
		AND kind = ?
		AND subject = ?
		AND ends_at > ?`, found.Count, now.UnixMicro(), found.Tenant, found.ID, string(found.Kind), found.Subject, now.UnixMicro())
	return found, err
}

// ListIncidents implements store.Incidents.
func (s *Store) ListIncidents(ctx context.Context, tenant string, filter store.IncidentFilter, page store.Page) ([]webhook.Incident, error) {
	w := where{args: []any{tenant}}
	w.times(webhook.PrefixIncident, page, filter.From, filter.To, "since")
	if filter.Kind != "" {
		w.and(`kind = ?`, string(filter.Kind))
	}
	if filter.Subject != "" {
		w.and(`subject = ?`, filter.Subject)
	}
	var list []webhook.Incident
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT `+incidentColumns+`
			FROM postrider_incidents
			WHERE tenant = ?
			AND count >= threshold`+w.String()+`
			ORDER BY id DESC
			LIMIT ? + 0`, append(w.args, page.Size()), func(r Row) error {
			i := webhook.Incident{Tenant: tenant}
			err := scanIncident(r, &i)
			list = append(list, i)
			return err
		})
	})
	if err != nil {
		return nil, wrap("list incidents", err)
	}
	return list, nil
}

// where are conditions of a list, and the arguments of the statement so far.
type where struct {
	strings.Builder
	args []any
}

func (w *where) and(condition string, arg any) {
	w.WriteString("\n\t\tAND " + condition)
	w.args = append(w.args, arg)
}

// times bounds a list to a page, newest first, and to a range of times, which are in
// a column and, about, in the ids.
func (w *where) times(p webhook.Prefix, page store.Page, from, to time.Time, column string) {
	below := before(page)
	if !to.IsZero() {
		below = min(below, p.Floor(to.Add(clockSlack)))
	}
	w.and(`id < ?`, below)
	if !from.IsZero() {
		w.and(`id >= ?`, p.Floor(from.Add(-clockSlack)))
		w.and(column+` >= ?`, from.UnixMicro())
	}
	if !to.IsZero() {
		w.and(column+` < ?`, to.UnixMicro())
	}
}

// incidents removes those that were counted last before the cutoff, and those that
// have not reached their threshold when their window ends.
func (p *pruning) incidents(ctx context.Context, cutoff time.Time) error {
	rows := oldRows{
		before: cutoff,
		find: `
			SELECT tenant, id
			FROM postrider_incidents` + p.store.index("postrider_incidents_last") + `
			WHERE last_at < ?
			ORDER BY last_at
			LIMIT ? + 0`,
		remove: `
			DELETE FROM postrider_incidents
			WHERE tenant = ?
			AND id = ?`,
		count: func(done *store.Pruned) *int { return &done.Incidents },
	}
	if err := p.byID(ctx, rows); err != nil {
		return err
	}
	rows.before = p.now
	rows.find = `
			SELECT tenant, id
			FROM postrider_incidents` + p.store.index("postrider_incidents_few") + `
			WHERE count < threshold
			AND ends_at < ?
			ORDER BY ends_at
			LIMIT ? + 0`
	return p.byID(ctx, rows)
}
