// Just enough of HTTP/1.1, at a fraction of net/http's cost per request.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxHeadBytes = 64 << 10

type field struct{ name, value string }

type request struct {
	method string
	// Decoded, with its first slash.
	path   string
	query  string
	fields []field
	body   []byte
}

type response struct {
	status int
	fields []field
	body   []byte
	// For HEAD: announced and not sent.
	withoutBody bool
}

type handler func(*request) response

// get is the value of a header field, empty where it is absent.
func (r *request) get(name string) string {
	for _, f := range r.fields {
		if len(f.name) == len(name) && strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

func (r *request) parameters() url.Values {
	values, _ := url.ParseQuery(r.query)
	return values
}

// converse answers the requests of one connection, one after the other, until it ends or says what is no HTTP.
func converse(connection net.Conn, handle handler) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, maxHeadBytes)
	var asked request
	var out []byte
	for {
		if err := readHead(reader, &asked); err != nil {
			return
		}
		if strings.EqualFold(asked.get("expect"), "100-continue") {
			if _, err := io.WriteString(connection, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
		if err := readBody(reader, &asked); err != nil {
			return
		}
		answer := handle(&asked)
		out = appendResponse(out[:0], &answer)
		if _, err := connection.Write(out); err != nil {
			return
		}
		if strings.EqualFold(asked.get("connection"), "close") {
			return
		}
	}
}

func readHead(reader *bufio.Reader, into *request) error {
	if _, err := reader.Peek(1); err != nil {
		return err
	}
	for {
		buffered, _ := reader.Peek(reader.Buffered())
		if end := bytes.Index(buffered, []byte("\r\n\r\n")); end >= 0 {
			head := string(buffered[:end])
			_, _ = reader.Discard(end + 4)
			return parseHead(head, into)
		}
		// One byte more than there is: waits for the next packet.
		if _, err := reader.Peek(len(buffered) + 1); err != nil {
			return err
		}
	}
}

func parseHead(head string, into *request) error {
	first, rest, _ := strings.Cut(head, "\r\n")
	parts := strings.SplitN(first, " ", 3)
	if len(parts) != 3 {
		return errors.New("no request line")
	}
	path, query, _ := strings.Cut(parts[1], "?")
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return err
	}
	*into = request{method: parts[0], path: decoded, query: query, fields: into.fields[:0]}
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		into.fields = append(into.fields, field{name, strings.TrimSpace(value)})
	}
	return nil
}

func readBody(reader *bufio.Reader, into *request) error {
	if strings.EqualFold(into.get("transfer-encoding"), "chunked") {
		body, err := io.ReadAll(httputil.NewChunkedReader(reader))
		if err != nil {
			return err
		}
		into.body = body
		return skipTrailer(reader)
	}
	length, _ := strconv.Atoi(into.get("content-length"))
	if length <= 0 {
		return nil
	}
	into.body = make([]byte, length)
	_, err := io.ReadFull(reader, into.body)
	return err
}

func skipTrailer(reader *bufio.Reader) error {
	for {
		line, err := reader.ReadString('\n')
		if err != nil || strings.TrimSpace(line) == "" {
			return err
		}
	}
}

func appendResponse(out []byte, answer *response) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(answer.status), 10)
	// No client reads the phrase.
	out = append(out, " -\r\nDate: "...)
	out = time.Now().UTC().AppendFormat(out, "Mon, 02 Jan 2006 15:04:05 GMT")
	out = append(out, "\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(answer.body)), 10)
	out = append(out, "\r\n"...)
	for _, f := range answer.fields {
		out = append(append(append(append(out, f.name...), ": "...), f.value...), "\r\n"...)
	}
	out = append(out, "\r\n"...)
	if answer.withoutBody {
		return out
	}
	return append(out, answer.body...)
}
