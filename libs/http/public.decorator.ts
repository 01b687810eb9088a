import { SetMetadata } from '@nestjs/common';

export const PUBLIC_ROUTE = 'countersign:public';

/** Marks a route that needs no bearer token. Everything else does. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC_ROUTE, true);
