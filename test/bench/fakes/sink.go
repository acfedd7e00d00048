// The bucket: create-only and conditional PUT, GET with a range, HEAD, and listings, all in memory. Signatures are not
// checked: the conformance tests do that, and here it would cost the program's cores.
package main

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

type object struct {
	bytes    []byte
	etag     string
	modified time.Time
	metadata []field
}

type sink struct {
	gauge
	// Of the objects; the gauge has its own.
	lock    sync.Mutex
	objects map[string]*object
	listed  catalogue
	bytes   int
	kept    map[string]*object
}

func newSink(latency time.Duration) *sink {
	return &sink{gauge: newGauge(latency), objects: map[string]*object{}}
}

func (s *sink) answer(asked *request) response {
	if strings.HasPrefix(asked.path, "/_admin") {
		return s.administer(asked)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(asked.path, "/"), "/")
	operation := operationOf(asked, key)
	s.enter(operation)
	defer s.leave()
	answer := s.carryOut(operation, bucket, key, asked)
	answer.fields = append(answer.fields, field{"x-amz-request-id", "FAKE0FAKE0FAKE00"}, field{"Server", "fake"})
	answer.withoutBody = asked.method == "HEAD"
	return answer
}

func operationOf(asked *request, key string) string {
	switch {
	case key == "" && asked.method == "GET":
		return "list"
	case key == "" && asked.method == "HEAD":
		return "bucket"
	case key != "" && (asked.method == "GET" || asked.method == "HEAD" || asked.method == "PUT"):
		return strings.ToLower(asked.method)
	}
	return "other"
}

func (s *sink) carryOut(operation, bucket, key string, asked *request) response {
	switch operation {
	case "put":
		return s.put(key, asked)
	case "get", "head":
		return s.get(key, asked)
	case "list":
		return s.list(bucket, asked)
	case "bucket":
		return response{status: 200}
	}
	return refusal(501, "NotImplemented")
}

// administer is the benchmark's own door: `/_admin?latency=20ms`, `/_admin/reset` (an empty bucket), `/_admin/stats`
// (the counts since they were last asked for), `/_admin/keep` and, later, `/_admin/restore` to what was kept.
func (s *sink) administer(asked *request) response {
	switch asked.path {
	case "/_admin":
		latency, err := time.ParseDuration(asked.parameters().Get("latency"))
		if err != nil {
			return plain(400, err.Error())
		}
		s.setLatency(latency)
		return plain(200, "")
	case "/_admin/reset":
		s.lock.Lock()
		s.objects, s.listed, s.bytes = map[string]*object{}, catalogue{}, 0
		s.lock.Unlock()
		return s.take(nil)
	case "/_admin/keep":
		s.lock.Lock()
		s.kept = maps.Clone(s.objects)
		s.lock.Unlock()
		return plain(200, "")
	case "/_admin/restore":
		s.lock.Lock()
		s.objects, s.listed, s.bytes = maps.Clone(s.kept), catalogue{}, 0
		for key, there := range s.objects {
			s.listed.add(key)
			s.bytes += len(there.bytes)
		}
		s.lock.Unlock()
		return plain(200, "")
	case "/_admin/stats":
		s.lock.Lock()
		kept := map[string]int{"keys": len(s.objects), "bytes": s.bytes}
		s.lock.Unlock()
		return s.take(kept)
	}
	return plain(404, "no such door")
}

func (s *sink) put(key string, asked *request) response {
	body, err := payload(asked)
	if err != nil {
		return refusal(400, "IncompleteBody")
	}
	sum := md5.Sum(body)
	fresh := &object{bytes: body, etag: `"` + hex.EncodeToString(sum[:]) + `"`, modified: time.Now(), metadata: metadataOf(asked)}
	s.lock.Lock()
	defer s.lock.Unlock()
	there := s.objects[key]
	if asked.get("if-none-match") == "*" && there != nil {
		s.count("refused")
		return refusal(412, "PreconditionFailed")
	}
	if match := asked.get("if-match"); match != "" {
		if there == nil {
			return refusal(404, "NoSuchKey")
		}
		if strings.Trim(match, `"`) != strings.Trim(there.etag, `"`) {
			s.count("refused")
			return refusal(412, "PreconditionFailed")
		}
	}
	key = strings.Clone(key)
	if there == nil {
		s.listed.add(key)
	} else {
		s.bytes -= len(there.bytes)
	}
	s.bytes += len(body)
	s.objects[key] = fresh
	return response{status: 200, fields: []field{{"ETag", fresh.etag}, {"x-amz-server-side-encryption", "AES256"}}}
}

// payload is the body without the framing of the SDKs' streaming uploads, which put their checksum behind it.
func payload(asked *request) ([]byte, error) {
	if !strings.HasPrefix(asked.get("x-amz-content-sha256"), "STREAMING-") {
		return asked.body, nil
	}
	var whole []byte
	for rest := asked.body; ; {
		head, after, found := bytes.Cut(rest, []byte("\r\n"))
		size, _, _ := strings.Cut(string(head), ";")
		length, err := strconv.ParseInt(strings.TrimSpace(size), 16, 64)
		if !found || err != nil || int64(len(after)) < length {
			return nil, fmt.Errorf("no aws-chunked body")
		}
		if length == 0 {
			return whole, nil
		}
		whole = append(whole, after[:length]...)
		rest = bytes.TrimPrefix(after[length:], []byte("\r\n"))
	}
}

func metadataOf(asked *request) []field {
	var kept []field
	for _, f := range asked.fields {
		if name := strings.ToLower(f.name); strings.HasPrefix(name, "x-amz-meta-") {
			// Cloned: a part of the request would keep the whole of it.
			kept = append(kept, field{strings.Clone(name), strings.Clone(f.value)})
		}
	}
	return kept
}

func (s *sink) get(key string, asked *request) response {
	s.lock.Lock()
	there := s.objects[key]
	s.lock.Unlock()
	if there == nil {
		return refusal(404, "NoSuchKey")
	}
	fields := append([]field{
		{"ETag", there.etag},
		{"Last-Modified", there.modified.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
		{"Content-Type", "application/octet-stream"},
		{"Accept-Ranges", "bytes"},
	}, there.metadata...)
	wanted := asked.get("range")
	if wanted == "" {
		return response{status: 200, fields: fields, body: there.bytes}
	}
	start, end, ok := rangeIn(wanted, len(there.bytes))
	if !ok {
		return refusal(416, "InvalidRange")
	}
	content := fmt.Sprintf("bytes %d-%d/%d", start, end-1, len(there.bytes))
	return response{status: 206, fields: append(fields, field{"Content-Range", content}), body: there.bytes[start:end]}
}

// rangeIn reads `bytes=a-b`, `bytes=a-` and `bytes=-n`; its end is exclusive.
func rangeIn(header string, size int) (start, end int, ok bool) {
	first, last, found := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	from, firstErr := strconv.Atoi(first)
	to, lastErr := strconv.Atoi(last)
	switch {
	case !found || (firstErr != nil && lastErr != nil):
		return 0, 0, false
	case firstErr != nil:
		start, end = max(0, size-to), size
	case lastErr != nil:
		start, end = from, size
	default:
		start, end = from, min(size, to+1)
	}
	return start, end, start < end
}

func refusal(status int, code string) response {
	body := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + code + "</Message></Error>"
	return response{status: status, fields: []field{{"Content-Type", "application/xml"}}, body: []byte(body)}
}
