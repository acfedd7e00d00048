// The vendor: both price paths of the stable API. Every symbol trades on every session it is given; its prices follow
// from its name and the date, so that two runs get the same.
package main

import (
	"fmt"
	"hash/fnv"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

const pricesPath = "/stable/historical-price-eod/"

// The vendor's own cap, which drops the oldest.
const maxRows = 5_000

type vendor struct {
	gauge
	sessions []string
}

func newVendor(sessionsPath string, latency time.Duration) *vendor {
	text, err := os.ReadFile(sessionsPath)
	if err != nil {
		fail(err)
	}
	return &vendor{gauge: newGauge(latency), sessions: strings.Fields(string(text))}
}

func (v *vendor) answer(asked *request) response {
	if asked.path == "/_stats" {
		return v.take(nil)
	}
	variant, isPrices := strings.CutPrefix(asked.path, pricesPath)
	parameters := asked.parameters()
	symbol := parameters.Get("symbol")
	if !isPrices || symbol == "" || (variant != "full" && variant != "dividend-adjusted") {
		v.count("other")
		return plain(404, fmt.Sprintf("%s is not served", asked.path))
	}
	v.enter(variant)
	defer v.leave()
	sessions := v.within(parameters.Get("from"), parameters.Get("to"))
	body := make([]byte, 0, 2+len(sessions)*280)
	body = append(body, '[')
	for index := len(sessions) - 1; index >= 0; index-- {
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = appendRow(body, variant, barOf(symbol, sessions[index]))
	}
	body = append(body, "\n]"...)
	return response{status: 200, fields: []field{{"Content-Type", "application/json; charset=utf-8"}}, body: body}
}

func (v *vendor) within(from, to string) []string {
	start := sort.SearchStrings(v.sessions, from)
	end := sort.Search(len(v.sessions), func(index int) bool { return v.sessions[index] > to })
	if start >= end {
		return nil
	}
	return v.sessions[max(start, end-maxRows):end]
}

// Prices in cents.
type bar struct {
	symbol, date           string
	open, high, low, close int64
	volume                 int64
}

func barOf(symbol, date string) bar {
	level := 2_000 + int64(hash(symbol)%30_000)
	drawn := hash(symbol + date)
	draw := func(shift uint, below int64) int64 { return int64(drawn>>shift&0xffff) * below / 0x10000 }
	open := level + draw(0, level/10)
	close := level + draw(16, level/10)
	return bar{
		symbol: symbol,
		date:   date,
		open:   open,
		close:  close,
		high:   max(open, close) + draw(32, 200),
		low:    min(open, close) - draw(48, 200),
		volume: 100_000 + int64(drawn%90_000_000),
	}
}

func hash(text string) uint64 {
	hasher := fnv.New64a()
	_, _ = hasher.Write([]byte(text))
	// FNV's high bits hardly move with the last letters.
	mixed := hasher.Sum64()
	mixed = (mixed ^ mixed>>33) * 0xff51afd7ed558ccd
	return mixed ^ mixed>>33
}

// appendRow writes a row as the vendor does: with all its fields, two blanks an indent.
func appendRow(out []byte, variant string, b bar) []byte {
	out = append(out, "\n  {\n    \"symbol\": \""...)
	out = append(append(out, b.symbol...), "\",\n    \"date\": \""...)
	out = append(append(out, b.date...), '"')
	if variant == "full" {
		out = appendPrice(out, "open", b.open)
		out = appendPrice(out, "high", b.high)
		out = appendPrice(out, "low", b.low)
		out = appendPrice(out, "close", b.close)
		out = appendNumber(out, "volume", b.volume)
		out = appendPrice(out, "change", b.close-b.open)
		out = append(out, ",\n    \"changePercent\": 0.36082"...)
		out = appendPrice(out, "vwap", (b.high+b.low+b.close)/3)
	} else {
		out = appendPrice(out, "adjOpen", b.open*98/100)
		out = appendPrice(out, "adjHigh", b.high*98/100)
		out = appendPrice(out, "adjLow", b.low*98/100)
		out = appendPrice(out, "adjClose", b.close*98/100)
		out = appendNumber(out, "volume", b.volume)
	}
	return append(out, "\n  }"...)
}

func appendPrice(out []byte, name string, cents int64) []byte {
	out = appendName(out, name)
	return strconv.AppendFloat(out, float64(cents)/100, 'f', -1, 64)
}

func appendNumber(out []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendName(out, name), value, 10)
}

func appendName(out []byte, name string) []byte {
	return append(append(append(out, ",\n    \""...), name...), "\": "...)
}
