package cluster

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
)

// Figures adds metrics of the cluster to /metrics of any of its servers.
type Figures struct {
	Repo *repo.Repo

	mu   sync.Mutex
	last *Status // nil: the database did not answer
	at   time.Time
}

// fresh is how long the result of one query serves for all metrics.
const fresh = time.Second

// Routes implements peer.Service.
func (g *Figures) Routes(d peer.Door) []peer.Route {
	if g.Repo.Tasks.Engine.Shared == nil {
		return nil
	}
	for name, of := range map[string]func(*Status) float64{
		"mythos_cluster_workers":                func(s *Status) float64 { return float64(s.Workers) },
		"mythos_cluster_slots":                  func(s *Status) float64 { return float64(s.Slots) },
		"mythos_cluster_tasks_waiting":          func(s *Status) float64 { return float64(s.Tasks.Waiting) },
		"mythos_cluster_tasks_running":          func(s *Status) float64 { return float64(s.Tasks.Running) },
		"mythos_cluster_tasks_oldest_seconds":   func(s *Status) float64 { return s.Tasks.Oldest },
		"mythos_cluster_tasks_stuck":            func(s *Status) float64 { return float64(len(s.Stuck)) },
		"mythos_cluster_log_entries":            func(s *Status) float64 { return float64(s.Log.Entries) },
		"mythos_cluster_log_queuing":            func(s *Status) float64 { return float64(s.Log.Queuing) },
		"mythos_cluster_log_longest_seconds":    func(s *Status) float64 { return s.Log.Longest },
		"mythos_cluster_database_bytes":         func(s *Status) float64 { return float64(s.Database.Bytes) },
		"mythos_cluster_standby_lag_seconds":    func(s *Status) float64 { return s.lag() },
		"mythos_cluster_bucket_reachable":       func(s *Status) float64 { return map[bool]float64{true: 1}[s.Bucket.Reachable] },
		"mythos_cluster_database_standby_count": func(s *Status) float64 { return float64(len(s.Database.Standbys)) },
	} {
		d.Gauge(name, func() float64 {
			s := g.status()
			if s == nil {
				return math.NaN()
			}
			return of(s)
		})
	}
	return nil
}

// lag returns the lag of the standby that is furthest behind.
func (s *Status) lag() (most float64) {
	for _, b := range s.Database.Standbys {
		most = max(most, b.Lag)
	}
	return most
}

func (g *Figures) status() *Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.at) < fresh {
		return g.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Of(ctx, g.Repo)
	if g.last = s; err != nil {
		g.last = nil
	}
	g.at = time.Now()
	return g.last
}
