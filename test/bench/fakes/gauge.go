// What both servers keep of their requests.
package main

import (
	"encoding/json"
	"sync"
	"syscall"
	"time"
)

type gauge struct {
	mutex    sync.Mutex
	latency  time.Duration
	counts   map[string]int
	inFlight int
	// Tells something only where there is a latency: without one each request is done before the next is looked at.
	maxInFlight int
}

func newGauge(latency time.Duration) gauge {
	return gauge{latency: latency, counts: map[string]int{}}
}

// enter counts a request and keeps it for as long as an answer takes: asleep, not busy.
func (g *gauge) enter(operation string) {
	g.mutex.Lock()
	g.counts[operation]++
	g.inFlight++
	g.maxInFlight = max(g.maxInFlight, g.inFlight)
	latency := g.latency
	g.mutex.Unlock()
	if latency > 0 {
		time.Sleep(latency)
	}
}

func (g *gauge) leave() {
	g.mutex.Lock()
	g.inFlight--
	g.mutex.Unlock()
}

func (g *gauge) count(what string) {
	g.mutex.Lock()
	g.counts[what]++
	g.mutex.Unlock()
}

func (g *gauge) setLatency(latency time.Duration) {
	g.mutex.Lock()
	g.latency = latency
	g.mutex.Unlock()
}

// take hands the counts out and begins anew.
func (g *gauge) take(more map[string]int) response {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	told := map[string]any{"counts": g.counts, "maxInFlight": g.maxInFlight, "cpuMs": ownCpuMs()}
	for name, value := range more {
		told[name] = value
	}
	g.counts = map[string]int{}
	g.maxInFlight = g.inFlight
	body, _ := json.Marshal(told)
	return response{status: 200, fields: []field{{"Content-Type", "application/json"}}, body: body}
}

func ownCpuMs() int64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return (used.Utime.Nano() + used.Stime.Nano()) / 1e6
}

func plain(status int, text string) response {
	return response{status: status, fields: []field{{"Content-Type", "text/plain"}}, body: []byte(text)}
}
