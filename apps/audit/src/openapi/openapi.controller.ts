import { Controller, Get } from '@nestjs/common';
import { Public } from '#libs/http/public.decorator.js';
import { openApiDocument } from './openapi-document.js';

@Controller()
export class OpenApiController {
  @Public()
  @Get('openapi.json')
  document(): object {
    return openApiDocument;
  }
}
