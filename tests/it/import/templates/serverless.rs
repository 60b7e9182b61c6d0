//! The Serverless Application Model: what its resources become.

use poolhouse::config::{
    Flags,
    api::{Authorizer, Integration},
    function::Runs,
};

use super::{bare, fs, load, load_with, mistakes, read};

#[test]
fn domains_of_serverless_apis_are_those_of_the_services_own_transform() {
    let ours = load("tests/templates/domains.yaml").unwrap_or_else(|said| panic!("{said:#?}")).config;
    let theirs = load("tests/templates/transformed/domains.json").unwrap_or_else(|said| panic!("{said:#?}")).config;
    assert_eq!(bare(&ours.domains), bare(&theirs.domains));
    assert_eq!(bare(&ours.apis), bare(&theirs.apis));
    let led: Vec<_> = ours
        .domains
        .iter()
        .flat_map(|domain| domain.mappings.iter().map(|to| (&*domain.name, &*to.key, &*to.api.value, &*to.stage.value)))
        .collect();
    for expected in [
        ("api.example.com", "two/three", "domains", "$default"),
        ("api.example.com", "v-1", "domains", "$default"),
        ("whole.example.com", "", "whole", "live"),
        ("rest.example.com", "", "domains-Rest", "prod"),
        ("rest.example.com", "twox", "domains-Rest", "prod"),
        ("rest.example.com", "be-side", "beside", "prod"),
    ] {
        assert!(led.contains(&expected), "{expected:?} {led:?}");
    }
    assert_eq!((ours.domains.len(), led.len()), (3, 8));
}

#[test]
fn a_domain_of_a_serverless_api_is_told_of_what_it_lacks() {
    let with = |domain: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n      \
             Domain: {domain}\n"
        )
    };
    for (domain, said) in [
        ("{CertificateArn: x}", "t.yaml:6: `Domain` of Api has no `DomainName`"),
        ("api.example.com", "t.yaml:6: `Domain` must be a map"),
        ("{DomainName: a.example.com, BasePath: [one, /one]}", "t.yaml:6: `BasePath` of Api holds \"/one\" twice"),
        ("{DomainName: a.example.com, BasePath: [{}]}", "t.yaml:6: `BasePath` of Api must hold texts"),
        ("{DomainName: a.example.com, BasePaths: [one]}", "t.yaml:6: `BasePaths` of Domain is not supported"),
    ] {
        let found = mistakes(&with(domain));
        assert!(found.iter().any(|line| line.starts_with(said)), "{said}\n{found:#?}");
    }
    // Names that are made somewhere else stay the users' business.
    let domain = "{DomainName: !Sub 'api.${AWS::Region}.example.com', CertificateArn: x, Route53: {HostedZoneId: Z}}";
    assert_eq!(read(&with(domain), |_| {}).config.domains[0].name, "api.us-east-1.example.com");
}

/// What the service fills in before it reads who guards what is filled in; a guard that cannot be read is a mistake, never none.
#[test]
fn parameters_and_mappings_decide_over_a_serverless_route_and_nothing_else_does() {
    let template = |of_api: &str, of_event: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Parameters: {{Which: {{Type: String, Default: Mine}}, Base: {{Type: String, Default: b}}, Names: {{Type: CommaDelimitedList, Default: 'Authorization, x-a'}}, Blank: {{Type: String}}}}
Mappings: {{Of: {{us-east-1: {{Verb: get, Who: Mine}}}}}}
Conditions: {{Yes: !Equals [a, a]}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        {of_api}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: nodejs20.x, Handler: index.handler, InlineCode: 'exports.handler = async () => 1', Events: {{E: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, {of_event}}}}}}}}}
"
        )
    };
    let jwt = "Authorizers: {Mine: {IdentitySource: $request.header.Authorization, JwtConfiguration: {issuer: 'https://issuer.example', audience: [x]}}}";
    let of_function = |headers: &str| {
        format!(
            "Authorizers: {{Mine: {{FunctionArn: !GetAtt Fn.Arn, AuthorizerPayloadFormatVersion: '2.0', Identity: {{Headers: {headers}}}}}}}"
        )
    };
    let plain = "Path: /p, Method: get, Auth: {Authorizer: Mine}";
    for api in [jwt.to_owned(), of_function("[Authorization]")] {
        assert!(read(&template(&api, plain), |_| {}).config.apis[0].routes[0].authorizer.is_some());
    }
    let verb = "Method: !FindInMap [Of, !Ref AWS::Region, Verb]";
    for (of_api, of_event, key) in [
        (jwt.to_owned(), "Path: /p, Method: get, Auth: {Authorizer: !Ref Which}".to_owned(), "GET /p"),
        (
            format!("{jwt}\n        DefaultAuthorizer: !FindInMap [Of, us-east-1, Who]"),
            format!("Path: !Sub '/${{Base}}/{{x}}', {verb}"),
            "GET /b/{x}",
        ),
        (
            jwt.to_owned(),
            format!(
                "Path: !Sub ['/${{Base}}-${{Own}}/p', {{Own: !Ref Which}}], {verb}, Auth: {{Authorizer: !Sub '${{Which}}'}}"
            ),
            "GET /b-Mine/p",
        ),
        (of_function("!Ref Names"), plain.to_owned(), "GET /p"),
        (of_function("[!Ref Which]"), plain.to_owned(), "GET /p"),
    ] {
        let api = &read(&template(&of_api, &of_event), |_| {}).config.apis[0];
        assert_eq!((api.routes.len(), api.routes[0].key.as_str()), (1, key));
        assert_eq!(api.routes[0].authorizer.as_ref().unwrap().value, "Mine", "{of_event}");
        if let Authorizer::Lambda(judge) = &api.authorizers["Mine"] {
            let sources: Vec<_> = judge.identity_source.iter().map(|source| source.value.as_str()).collect();
            let wanted = if of_api.contains("Names") {
                vec!["$request.header.Authorization", "$request.header.x-a"]
            } else {
                vec!["$request.header.Mine"]
            };
            assert_eq!(sources, wanted);
        }
    }
    // The value may be given, and a guard that it names must be there.
    let named = template(jwt, "Path: /p, Method: get, Auth: {Authorizer: !Ref Blank}");
    let given = |value: &str| {
        let value = value.to_owned();
        move |flags: &mut Flags| flags.parameters.push(("Blank".into(), value))
    };
    assert!(read(&named, given("Mine")).config.apis[0].routes[0].authorizer.is_some());
    assert!(read(&named, given("NONE")).config.apis[0].routes[0].authorizer.is_none());
    for (of_api, of_event, told) in [
        (
            jwt.to_owned(),
            "Path: /p, Method: get, Auth: {Authorizer: !Ref Base}",
            "t.yaml:13: the API Api has no authorizer b",
        ),
        (
            jwt.to_owned(),
            "Path: /p, Method: get, Auth: {Authorizer: !Ref Blank}",
            "t.yaml:13: `Authorizer` must be a text",
        ),
        (
            jwt.to_owned(),
            "Path: /p, Method: get, Auth: {Authorizer: !If [Yes, Mine, NONE]}",
            "t.yaml:13: `Authorizer` must be a text, of parameters and mappings at most, found `Fn::If`",
        ),
        (
            format!("{jwt}\n        DefaultAuthorizer: !GetAtt Fn.Arn"),
            "Path: /p, Method: get",
            "t.yaml:11: `DefaultAuthorizer` must",
        ),
        (jwt.to_owned(), "Path: !Sub '/${Fn}', Method: get, Auth: {Authorizer: Mine}", "t.yaml:13: `Path` must"),
        (
            jwt.to_owned(),
            "Path: /p, Method: !FindInMap [Of, x, Verb], Auth: {Authorizer: Mine}",
            "t.yaml:13: `Method` must",
        ),
        (jwt.to_owned(), "Path: /p, Method: !Ref Names, Auth: {Authorizer: Mine}", "t.yaml:13: `Method` must"),
        (of_function("[!Ref Blank]"), plain, "t.yaml:10: `Headers` must"),
    ] {
        let said = mistakes(&template(&of_api, of_event));
        assert!(said.iter().any(|line| line.starts_with(told)), "{told}: {said:#?}");
    }
}

/// Who asks for keys is left out as a whole, whatever else guards it.
#[test]
fn a_serverless_method_that_asks_for_a_key_is_left_out() {
    let text = |of_api: &str, of_event: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  Pool: {{Type: AWS::Cognito::UserPool}}
  Api: {{Type: AWS::Serverless::Api, Properties: {{StageName: s, Auth: {{Authorizers: {{Users: {{UserPoolArn: !GetAtt Pool.Arn}}}}, {of_api}}}}}}}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      InlineCode: 'exports.handler = async () => 1'
      Events:
        Keyed: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: /keyed, Method: get, Auth: {{{of_event}}}}}}}
        Free: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: /free, Method: post, Auth: {{ApiKeyRequired: false}}}}}}
"
        )
    };
    for (of_api, of_event) in [
        ("DefaultAuthorizer: Users", "ApiKeyRequired: true"),
        ("ApiKeyRequired: true", "Authorizer: Users"),
        ("ApiKeyRequired: true", ""),
        ("UsagePlan: {CreateUsagePlan: NONE}", "ApiKeyRequired: True"),
    ] {
        let text = text(of_api, of_event);
        let said = mistakes(&text);
        assert!(said.iter().any(|line| line.contains("GET /keyed: API keys are not checked here")), "{said:#?}");
        let config = read(&text, |flags| flags.ignore_warnings = true).config;
        let closed = |key: &str| {
            let route = config.apis[0].routes.iter().find(|route| route.key == key).unwrap();
            matches!(&route.integration, Integration::Respond { status: 403, .. })
        };
        assert!(closed("GET /keyed") && !closed("POST /free"), "{of_api} {of_event}");
    }
    // What nobody can read yet is no leave to go on without a key.
    for (of_api, of_event) in [
        ("ApiKeyRequired: !If [Never, false, true]", ""),
        ("ApiKeyRequired: perhaps", ""),
        ("DefaultAuthorizer: Users", "ApiKeyRequired: !GetAtt Pool.Arn"),
    ] {
        let said = mistakes(&text(of_api, of_event));
        assert!(said.iter().any(|line| line.contains("`ApiKeyRequired` must be ")), "{of_api} {of_event} {said:#?}");
    }
}

/// `NONE` is for single routes: the service's transform takes it, and a name that nobody has, for no default.
#[test]
fn a_default_authorizer_is_one_of_the_apis() {
    let template = |kind: &str, more: &str, default: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::{kind}
    Properties:
      {more}
      Auth:
        DefaultAuthorizer: {default}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: nodejs20.x, Handler: index.handler, InlineCode: 'exports.handler = async () => 1', Events: {{E: {{Type: {}, Properties: {{{}: !Ref Api, Path: /p, Method: get}}}}}}}}
",
            if kind == "Api" { "Api" } else { "HttpApi" },
            if kind == "Api" { "RestApiId" } else { "ApiId" },
        )
    };
    for (kind, more) in [("HttpApi", "Description: x"), ("Api", "StageName: s")] {
        for default in ["NONE", "Nobody"] {
            let said = mistakes(&template(kind, more, default));
            let told = format!("t.yaml:8: `DefaultAuthorizer` {default} is none of the API's `Authorizers`");
            assert!(said.contains(&told), "{said:#?}");
        }
    }
}

/// A document in a file of its own is read as if it stood in the template; its lines are those of the file.
#[test]
fn a_document_of_a_serverless_api_may_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let document = "openapi: 3.0.1
info: {title: t, version: '1'}
paths:
  /fixed: {get: {x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: !Sub 'http://127.0.0.1:1/${Which}'}}}
";
    let template = |kind: &str, of: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Parameters: {{Which: {{Type: String, Default: here}}}}
Resources:
  Api: {{Type: AWS::Serverless::{kind}, Properties: {{{}{of}}}}}
",
            if kind == "Api" { "StageName: s, " } else { "" }
        )
    };
    write("api.yaml", document);
    let file = folder.path().join("t.yaml").display().to_string();
    for kind in ["Api", "HttpApi"] {
        for of in [
            "DefinitionUri: api.yaml",
            "DefinitionUri: ./api.yaml",
            "DefinitionBody: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: api.yaml}}}",
        ] {
            write("t.yaml", &template(kind, of));
            let loaded = load(&file).unwrap_or_else(|said| panic!("{said:#?}"));
            let [route] = &loaded.config.apis[0].routes[..] else { panic!("{of}") };
            let Integration::Http { url, .. } = &route.integration else { panic!("{of}") };
            assert_eq!((route.key.as_str(), url.value.as_str()), ("GET /fixed", "http://127.0.0.1:1/here"));
            assert!(loaded.files.iter().any(|path| path.ends_with("api.yaml")), "{:?}", loaded.files);
        }
    }
    for (of, document, told) in [
        ("DefinitionUri: none.yaml", document, "t.yaml:4: the document "),
        ("DefinitionUri: s3://bucket/api.yaml", document, "t.yaml:4: a document that lies in S3 cannot be read"),
        (
            "DefinitionUri: api.yaml, DefinitionBody: {openapi: 3.0.1}",
            document,
            "`DefinitionBody` or `DefinitionUri`, not both",
        ),
        (
            "DefinitionUri: api.yaml",
            "openapi: 3.0.1\npaths: {/a: {gte: {}}}\n",
            "api.yaml:2: `gte` of /a is not supported",
        ),
        ("DefinitionUri: api.yaml", "openapi: [\n", "api.yaml:"),
    ] {
        write("api.yaml", document);
        write("t.yaml", &template("HttpApi", of));
        let said = load(&file).err().unwrap();
        assert!(said.iter().any(|line| line.contains(told)), "{told}: {said:#?}");
    }
}

#[test]
fn what_is_no_list_of_scopes_is_a_mistake_and_an_empty_one_leaves_the_authorizers_own() {
    let template = |kind: &str, scopes: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Parameters: {{One: {{Type: String, Default: shop/read}}}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        Authorizers: {{Mine: {{AuthorizationScopes: {kind}, IdentitySource: $request.header.Authorization, JwtConfiguration: {{issuer: 'https://issuer.example', audience: [x]}}}}}}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: nodejs20.x, Handler: index.handler, InlineCode: 'exports.handler = async () => 1', Events: {{E: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Path: /p, Method: get, Auth: {{Authorizer: Mine{scopes}}}}}}}}}}}
"
        )
    };
    let own = |event: &str| {
        let loaded = read(&template("[shop/read]", event), |_| {});
        loaded.config.apis[0].routes[0].scopes.clone()
    };
    assert_eq!(own(""), ["shop/read"]);
    assert_eq!(own(", AuthorizationScopes: []"), ["shop/read"]);
    assert_eq!(own(", AuthorizationScopes: [shop/write]"), ["shop/write"]);
    for (of_api, of_event) in
        [("!Ref One", ""), ("[a]", ", AuthorizationScopes: !Ref One"), ("[a]", ", AuthorizationScopes: [{a: b}]")]
    {
        let said = mistakes(&template(of_api, of_event));
        assert!(said.iter().any(|line| line.contains("scope")), "{of_api} {of_event} {said:#?}");
    }
}

#[test]
fn a_domain_that_apis_share_is_trusted_as_all_of_them_say() {
    let template = |first: &str, second: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  \
             A: {{Type: AWS::Serverless::HttpApi, Properties: {{Domain: {{DomainName: a.example.com, BasePath: [one]{first}}}}}}}\n  \
             B: {{Type: AWS::Serverless::HttpApi, Properties: {{Domain: {{DomainName: a.example.com, BasePath: [two]{second}}}}}}}\n"
        )
    };
    let trust = ", MutualTlsAuthentication: {TruststoreUri: s3://b/ca.pem}";
    let said = mistakes(&template("", trust));
    assert!(
        said.iter().any(|line| line.contains("`MutualTlsAuthentication` of B is not what another API says")),
        "{said:#?}"
    );
}

#[test]
fn booleans_have_cloudformations_spellings() {
    let text = "Transform: AWS::Serverless-2016-10-31\nResources:\n  \
                Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: x, ProtocolType: HTTP, DisableExecuteApiEndpoint: True}}\n";
    // It has no stage, which is told of.
    assert!(read(text, |flags| flags.ignore_warnings = true).config.apis[0].disable_execute_api_endpoint);
}

/// The service cuts what it makes out of a stack's name and a long logical id.
#[test]
fn a_function_with_a_long_logical_id_has_a_name_that_may_be_one() {
    let id = "CustomS3AutoDeleteObjectsCustomResourceProviderHandler9D90184F";
    let template = |id: &str| {
        format!(
            "Resources:\n  {id}: {{Type: AWS::Lambda::Function, Properties: {{Runtime: nodejs22.x, Handler: index.handler, Role: x, \
             Code: {{ZipFile: 'exports.handler = async () => 1'}}}}}}\n"
        )
    };
    let name = |id: &str| read(&template(id), |_| {}).config.functions[0].name.clone();
    let (first, second) = (name(id), name(&format!("{id}2")));
    assert_eq!((first.len(), second.len()), (64, 64));
    assert_ne!(first, second);
    assert_eq!(name(id), first);
}

#[test]
fn what_guards_a_serverless_route_is_never_left_out() {
    let template = |of_api: &str, of_event: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  Api: {{Type: AWS::Serverless::HttpApi, Properties: {{Auth: {{{of_api}}}}}}}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: nodejs20.x, Handler: index.handler, InlineCode: 'exports.handler = async () => 1', Events: {{E: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Path: /p, Method: get{of_event}}}}}}}}}
"
        )
    };
    for (of_api, of_event, said) in [
        (
            "DefaultAuthorizr: Mine",
            "",
            "`DefaultAuthorizr` of Auth is not supported, and without it a route could be open",
        ),
        ("", ", Auth: {Authorizr: Mine}", "`Authorizr` of Auth is not supported, and without it"),
        ("", ", Auth: {ResourcePolicy: {IpRangeWhitelist: [10.0.0.0/8]}}", "`ResourcePolicy` of Auth is not supported"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yaml");
        fs::write(&file, template(of_api, of_event)).unwrap();
        let lines = load_with(&[&file.display().to_string()], |flags| flags.ignore_warnings = true).err().unwrap();
        assert!(lines.iter().any(|line| line.contains(said)), "{said} {lines:#?}");
    }
}

/// The service's transform switches the method off with its function.
#[test]
fn a_function_that_is_switched_off_has_no_routes() {
    let function = |kind: &str, more: &str| {
        format!(
            "{{Type: AWS::Serverless::Function, {more}Properties: {{Runtime: nodejs22.x, Handler: index.handler, InlineCode: \
             'exports.handler = async () => 1', Events: {{E: {{Type: {kind}, Properties: {{Path: /PATH, Method: get}}}}}}}}}}"
        )
    };
    for kind in ["HttpApi", "Api"] {
        let text = format!(
            "Transform: AWS::Serverless-2016-10-31\nParameters: {{Env: {{Type: String, Default: dev}}}}\nConditions: {{Prod: \
             !Equals [!Ref Env, prod]}}\nResources:\n  Always: {}\n  Sometimes: {}\n",
            function(kind, "").replace("PATH", "a"),
            function(kind, "Condition: Prod, ").replace("PATH", "b"),
        );
        let keys = |env: &str| -> Vec<String> {
            let loaded = read(&text, |flags| flags.parameters.push(("Env".into(), env.into())));
            loaded.config.apis[0].routes.iter().map(|route| route.key.clone()).collect()
        };
        assert_eq!(keys("dev"), ["GET /a"], "{kind}");
        assert_eq!(keys("prod"), ["GET /a", "GET /b"], "{kind}");
    }
}

/// Built code that lies there packed is understood, and not run.
#[test]
fn code_in_an_archive_is_left_to_a_process_that_attaches() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.jar"), "PK").unwrap();
    let file = folder.path().join("t.yaml");
    let text = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: java21, \
                Handler: a.B, CodeUri: app.jar}}\n";
    fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let said = load_with(&[&file], |_| {}).err().unwrap();
    assert!(said.iter().any(|line| line.contains("is no folder: unpack it, or attach a process")), "{said:#?}");
    let loaded = load_with(&[&file], |flags| flags.ignore_warnings = true).unwrap_or_else(|said| panic!("{said:#?}"));
    assert!(matches!(loaded.config.functions[0].runs, Runs::Attach));
}
