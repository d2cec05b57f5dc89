"""The shop keeps orders in one database and invoices in another: one session, and for each table its engine."""

from __future__ import annotations

from models import Invoice
from models import Order
from models import Payable
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

shop = create_async_engine("postgresql+asyncpg://shop:shop@shop.internal/shop")
billing = create_async_engine("postgresql+asyncpg://shop:shop@billing.internal/billing")

binds = {Order: shop, Payable: shop, Invoice: billing}


def session_factory(**options):
    return AsyncSession(binds=binds, **options)
