package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// exchange is one request with its answer. The request's body is described by
// sent; answered is the whole body of the answer.
type exchange struct {
	request  *http.Request
	sent     *sent
	status   int
	header   http.Header
	answered []byte
}

// judge holds an exchange against the description.
func (e *Exchanges) judge(t testing.TB, x exchange) {
	t.Helper()
	// The router and the checks get a request of their own to take apart.
	r := x.request.Clone(context.Background())
	r.Body = http.NoBody
	route, values, methods := e.paths.find(r)
	name := x.request.Method + " " + x.request.URL.EscapedPath()
	var err error
	switch {
	case route != nil:
		name = fmt.Sprintf("%s (%s)", route.Operation.OperationID, name)
		err = e.judgeOperation(route, values, r, x)
		e.count(route.Operation.OperationID, x.status)
	case len(methods) > 0:
		err = e.judgeMethod(methods, x)
	default:
		err = e.judgeRefusal(x, "NotFound", http.StatusNotFound)
	}
	if err != nil {
		t.Errorf("%s, answered %d: %v", name, x.status, err)
	}
}

func (e *Exchanges) judgeOperation(route *routers.Route, values map[string]string, r *http.Request, x exchange) error {
	asked := &openapi3filter.RequestValidationInput{Request: r, PathParams: values, Route: route, Options: options()}
	problems := []error{e.judgeAnswer(asked, x)}
	if x.status/100 == 2 {
		if err := judgeRequest(asked, x.sent); err != nil {
			problems = append(problems, fmt.Errorf("the request does not match the description and yet it was answered so: %w", err))
		}
	}
	if len(route.Operation.Tags) > 0 && asked.Route.Operation.Security == nil && x.header.Get("Cache-Control") != "no-store" {
		problems = append(problems, errors.New("the answer may be kept by a cache"))
	}
	return errors.Join(problems...)
}

func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
		// Who calls is proved below HTTP.
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}
}

// judgeRequest holds what was asked against the description.
func judgeRequest(asked *openapi3filter.RequestValidationInput, s *sent) error {
	body, problem := s.body()
	if problem != nil {
		return problem
	}
	if s.form == nil {
		asked.Request.Body = io.NopCloser(bytes.NewReader(body))
		return openapi3filter.ValidateRequest(context.Background(), asked)
	}
	without := *asked.Options
	without.ExcludeRequestBody = true
	asked.Options = &without
	if err := openapi3filter.ValidateRequest(context.Background(), asked); err != nil {
		return err
	}
	described := asked.Route.Operation.RequestBody
	if described == nil || described.Value.Content["multipart/form-data"] == nil {
		return errors.New("a form is not described")
	}
	schema := described.Value.Content["multipart/form-data"].Schema.Value
	for name, p := range schema.Properties {
		if _, given := s.form.values[name]; given && p.Value.Format == "binary" && !s.form.files[name] {
			return fmt.Errorf("the part %s has no file name", name)
		}
	}
	return schema.VisitJSON(s.form.values, openapi3.EnableJSONSchema2020(), openapi3.VisitAsRequest())
}

// judgeAnswer holds what was answered against the description.
func (e *Exchanges) judgeAnswer(asked *openapi3filter.RequestValidationInput, x exchange) error {
	described := asked.Route.Operation.Responses.Status(x.status)
	if described == nil {
		return errors.New("this status is not described")
	}
	if len(described.Value.Content) == 0 {
		if len(x.answered) > 0 || x.header.Get("Content-Type") != "" {
			return fmt.Errorf("no body is described, and it has %d bytes of type %q", len(x.answered), x.header.Get("Content-Type"))
		}
	} else if err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: x.status, Header: x.header,
		Body: io.NopCloser(bytes.NewReader(x.answered)), Options: asked.Options,
	}); err != nil {
		return err
	}
	return judgeCommon(x)
}

// judgeMethod holds a refused method against the description: those that the
// path has are in Allow. A caller who is not let in is told that first.
func (e *Exchanges) judgeMethod(methods []string, x exchange) error {
	switch x.status {
	case http.StatusUnauthorized:
		return e.judgeRefusal(x, "Unauthorized", x.status)
	case http.StatusBadRequest:
		return e.judgeRefusal(x, "BadRequest", x.status)
	}
	if allow := x.header.Get("Allow"); !equal(allow, methods) {
		return fmt.Errorf("the header Allow has %q, the description %q", allow, methods)
	}
	return e.judgeRefusal(x, "MethodNotAllowed", http.StatusMethodNotAllowed)
}

// judgeRefusal holds an answer outside of operations against a shared response.
func (e *Exchanges) judgeRefusal(x exchange, shared string, status int) error {
	if x.status != status {
		return fmt.Errorf("this path and method are not described, so the answer has to be %d", status)
	}
	problem := e.document.Components.Responses[shared].Value.Content["application/problem+json"].Schema.Value
	var body any
	if err := json.Unmarshal(x.answered, &body); err != nil {
		return fmt.Errorf("the body is no problem: %w", err)
	}
	if err := problem.VisitJSON(body, openapi3.EnableJSONSchema2020(), openapi3.VisitAsResponse()); err != nil {
		return err
	}
	return judgeCommon(x)
}

// judgeCommon checks what all answers have in common.
func judgeCommon(x exchange) error {
	if x.header.Get("X-Content-Type-Options") != "nosniff" {
		return errors.New("the answer may be taken for another type than it says")
	}
	if x.status < 400 {
		return nil
	}
	var problem struct{ Status int }
	if err := json.Unmarshal(x.answered, &problem); err != nil || problem.Status != x.status {
		return fmt.Errorf("the body says status %d", problem.Status)
	}
	return nil
}
