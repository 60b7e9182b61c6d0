# The gateway's objects as Terraform sets them up. Beside it stand the configuration's functions, and a pool that it makes too.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "development"
  secret_key                  = "development"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    apigatewayv2 = var.endpoint
    cognitoidp   = var.endpoint
  }
}

locals {
  function = "arn:aws:lambda:us-east-1:123456789012:function"
}

resource "aws_cognito_user_pool" "pool" {
  name = "terraform"
}

resource "aws_cognito_user_pool_client" "web" {
  name         = "web"
  user_pool_id = aws_cognito_user_pool.pool.id
}

resource "aws_apigatewayv2_api" "shop" {
  name          = "shop"
  protocol_type = "HTTP"
  description   = "Orders"

  cors_configuration {
    allow_origins = ["https://app.example"]
    allow_methods = ["GET"]
    max_age       = 60
  }

  tags = { team = "orders" }
}

resource "aws_apigatewayv2_authorizer" "users" {
  api_id           = aws_apigatewayv2_api.shop.id
  name             = "users"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    audience = [aws_cognito_user_pool_client.web.id]
    issuer   = "https://cognito-idp.us-east-1.amazonaws.com/${aws_cognito_user_pool.pool.id}"
  }
}

resource "aws_apigatewayv2_authorizer" "function" {
  api_id                            = aws_apigatewayv2_api.shop.id
  name                              = "function"
  authorizer_type                   = "REQUEST"
  identity_sources                  = ["$request.header.Authorization"]
  authorizer_uri                    = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${local.function}:regular-user/invocations"
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.shop.id
  integration_type       = "AWS_PROXY"
  integration_uri        = "${local.function}:admin-user"
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_integration" "backend" {
  api_id               = aws_apigatewayv2_api.shop.id
  integration_type     = "HTTP_PROXY"
  integration_method   = "ANY"
  integration_uri      = "http://localhost:1/{proxy}"
  timeout_milliseconds = 5000
  request_parameters   = { "append:header.x-stage" = "$context.stage" }

  response_parameters {
    status_code = 500
    mappings    = { "overwrite:statuscode" = "502" }
  }
}

resource "aws_apigatewayv2_route" "open" {
  api_id    = aws_apigatewayv2_api.shop.id
  route_key = "GET /open"
  target    = "integrations/${aws_apigatewayv2_integration.function.id}"
}

resource "aws_apigatewayv2_route" "orders" {
  api_id               = aws_apigatewayv2_api.shop.id
  route_key            = "GET /orders/{proxy+}"
  target               = "integrations/${aws_apigatewayv2_integration.backend.id}"
  authorization_type   = "JWT"
  authorizer_id        = aws_apigatewayv2_authorizer.users.id
  authorization_scopes = ["orders/read"]
}

resource "aws_apigatewayv2_route" "asked" {
  api_id             = aws_apigatewayv2_api.shop.id
  route_key          = "GET /asked"
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.function.id
}

resource "aws_apigatewayv2_deployment" "first" {
  api_id     = aws_apigatewayv2_api.shop.id
  depends_on = [aws_apigatewayv2_route.open, aws_apigatewayv2_route.orders, aws_apigatewayv2_route.asked]
}

resource "aws_apigatewayv2_stage" "frozen" {
  api_id          = aws_apigatewayv2_api.shop.id
  name            = "frozen"
  deployment_id   = aws_apigatewayv2_deployment.first.id
  stage_variables = { color = "blue" }
  tags            = { stage = "frozen" }

  access_log_settings {
    destination_arn = "arn:aws:logs:us-east-1:123456789012:log-group:x"
    format          = "$context.requestId $context.status"
  }
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.shop.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit = 50
    throttling_rate_limit  = 100
  }

  route_settings {
    route_key              = aws_apigatewayv2_route.open.route_key
    throttling_burst_limit = 5
    throttling_rate_limit  = 10
  }
}

resource "aws_apigatewayv2_domain_name" "shop" {
  domain_name = "shop.example.com"

  domain_name_configuration {
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/x"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "shop" {
  api_id          = aws_apigatewayv2_api.shop.id
  domain_name     = aws_apigatewayv2_domain_name.shop.id
  stage           = aws_apigatewayv2_stage.default.id
  api_mapping_key = "v1"
}

output "endpoint" {
  value = aws_apigatewayv2_api.shop.api_endpoint
}
